/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "base/compiler.h"
#include "base/list.h"

struct item {
	int id;
	struct list link;
};

static int
digits(struct list *head)
{
	int n = 0;

	LIST_FOREACH (it, head)
		n = n * 10 + container_of(it, struct item, link)->id;
	return n;
}

Test(list, order_and_removal)
{
	struct item i[3] = { { .id = 1 }, { .id = 2 }, { .id = 3 } };
	struct list head;

	list_init(&head);
	cr_assert(list_empty(&head));
	cr_assert_eq(digits(&head), 0);
	for (int k = 0; k < 3; k++)
		list_add_tail(&head, &i[k].link);
	cr_assert_not(list_empty(&head));
	cr_assert_eq(digits(&head), 123);
	list_del(&i[1].link);
	cr_assert_eq(digits(&head), 13);
	cr_assert(list_empty(&i[1].link));
	list_del(&i[1].link); /* twice does no harm */
	cr_assert_eq(digits(&head), 13);
	list_del(&i[0].link);
	list_add_tail(&head, &i[0].link);
	cr_assert_eq(digits(&head), 31);
	cr_assert_eq(container_of(head.prev, struct item, link)->id, 1);
}

Test(list, one_in_front_of_another)
{
	struct item i[4] = { { .id = 1 }, { .id = 2 }, { .id = 3 }, { .id = 4 } };
	struct list head, from;

	list_init(&head);
	list_init(&from);
	list_splice(&head, &from);
	cr_assert(list_empty(&head) && list_empty(&from));
	for (int k = 0; k < 2; k++)
		list_add_tail(&from, &i[k].link);
	list_splice(&head, &from);
	cr_assert_eq(digits(&head), 12);
	cr_assert(list_empty(&from));
	for (int k = 2; k < 4; k++)
		list_add_tail(&from, &i[k].link);
	list_splice(&head, &from);
	cr_assert_eq(digits(&head), 3412);
	list_splice(&head, &from);
	cr_assert_eq(digits(&head), 3412);
	cr_assert(list_empty(&from));
}

Test(list, removal_while_walking)
{
	struct item i[5];
	struct list head;

	list_init(&head);
	for (int k = 0; k < 5; k++) {
		i[k].id = k + 1;
		list_add_tail(&head, &i[k].link);
	}
	LIST_FOREACH_SAFE (it, after, &head)
		if (container_of(it, struct item, link)->id % 2)
			list_del(it);
	cr_assert_eq(digits(&head), 24);
	LIST_FOREACH_SAFE (it, after, &head)
		list_del(it);
	cr_assert(list_empty(&head));
}
