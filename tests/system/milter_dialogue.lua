-- SPDX-License-Identifier: ISC
-- Plays an MTA to the milter door: miltertest -s milter_dialogue.lua -D socket=unix:/path [-D copies=N]
-- Without `copies` each message must pass. With it, N copies of one message, each by a way of its own from the same
-- origin, go to one recipient; the last must be discarded (a replication rule with limit N-1, enforced).

-- miltertest ends with status 1 on an error, but does not print it.
local function fail(text)
	mt.echo("milter dialogue: " .. text)
	error(text)
end

local function must(what, err)
	if err ~= nil then
		fail(what .. ": " .. tostring(err))
	end
end

-- The filter waives its answers where that is offered; miltertest then reports the last one it saw.
local function continued(conn, what, waived)
	if mt.test_option(conn, waived) then
		return
	end
	if mt.getreply(conn) ~= SMFIR_CONTINUE then
		fail(what .. ": answered " .. string.char(mt.getreply(conn)))
	end
end

-- `offer` nil: all that miltertest knows; 0: neither actions nor steps (their order differs between its versions)
local function open(offer)
	local conn = mt.connect(socket, 40, 0.05)

	if conn == nil then
		fail("cannot connect to " .. socket)
	end
	must("negotiate", mt.negotiate(conn, nil, offer, offer))
	if (offer == nil) ~= mt.test_option(conn, SMFIP_NR_HDR) then
		fail("waives the answers to header fields where that is not offered, or fails to")
	end
	if mt.test_action(conn, SMFIF_CHGBODY) then
		fail("asks to change bodies")
	end
	mt.macro(conn, SMFIC_CONNECT, "j", "mx.example.org", "{daemon_name}", "mx.example.org")
	must("conninfo", mt.conninfo(conn, "client.example.net", "192.0.2.25"))
	continued(conn, "conninfo", SMFIP_NR_CONN)
	must("helo", mt.helo(conn, "client.example.net"))
	continued(conn, "helo", SMFIP_NR_HELO)
	return conn
end

local function envelope(conn, id, rcpts)
	mt.macro(conn, SMFIC_MAIL, "i", id)
	must("mailfrom", mt.mailfrom(conn, "<ann@example.net>", "SIZE=500"))
	continued(conn, "mailfrom", SMFIP_NR_MAIL)
	for _, rcpt in ipairs(rcpts) do
		must("rcptto", mt.rcptto(conn, "<" .. rcpt .. ">"))
		continued(conn, "rcptto", SMFIP_NR_RCPT)
	end
end

local function header(conn, name, value)
	must(name, mt.header(conn, name, value))
	continued(conn, name, SMFIP_NR_HDR)
end

local function content(conn, n)
	-- each copy came by another way, from one origin
	header(conn, "Received", "from relay.example.net (relay.example.net [198.51.100.8])\n\tby hop" .. n ..
	    ".example.net with ESMTP id " .. n .. "ABC; Mon, 2 Nov 2026 10:00:0" .. n .. " +0000")
	header(conn, "Received", "from origin.example.net (origin.example.net [198.51.100.7])\n" ..
	    "\tby relay.example.net with ESMTP id 7ABC; Mon, 2 Nov 2026 10:00:00 +0000")
	header(conn, "Message-ID", "<milter-dialogue@example.net>")
	header(conn, "Date", "Mon, 2 Nov 2026 09:59:00 +0000")
	header(conn, "From", "Ann <ann@example.net>")
	header(conn, "To", "bob@example.org, cyd@example.org")
	header(conn, "Subject", "one message")
	if not mt.test_option(conn, SMFIP_NOEOH) then
		must("eoh", mt.eoh(conn))
		continued(conn, "eoh", SMFIP_NR_EOH)
	end
	if not mt.test_option(conn, SMFIP_NOBODY) then
		must("body", mt.bodystring(conn, "Hello.\r\n"))
	end
end

local function message(conn, n, rcpts)
	envelope(conn, string.format("4Q%06d", n), rcpts)
	content(conn, n)
	must("eom", mt.eom(conn))
	return mt.getreply(conn)
end

local function expect(reply, want, what)
	if reply ~= want then
		fail(what .. ": " .. string.char(reply) .. " instead of " .. string.char(want))
	end
end

mt.set_timeout(10)

if copies == nil then
	-- an MTA that offers everything, two messages and one that it gives up
	local conn = open(nil)
	expect(message(conn, 1, { "bob@example.org" }), SMFIR_CONTINUE, "first message")
	envelope(conn, "4QGIVENUP", { "bob@example.org" })
	header(conn, "To", "bob@example.org")
	must("abort", mt.abort(conn))
	expect(message(conn, 2, { "bob@example.org", "cyd@example.org" }), SMFIR_CONTINUE, "second message")
	mt.disconnect(conn)
	-- one that offers nothing: each event has its answer, the body comes
	conn = open(0)
	expect(message(conn, 3, { "dan@example.org" }), SMFIR_CONTINUE, "message without steps")
	mt.disconnect(conn)
	-- one that just goes away
	conn = open(nil)
	envelope(conn, "4QGONE", { "bob@example.org" })
	mt.disconnect(conn, false)
	mt.echo("milter dialogue: 3 messages passed, 2 given up")
else
	local conn = open(nil)
	for n = 1, tonumber(copies) do
		local want = n < tonumber(copies) and SMFIR_CONTINUE or SMFIR_DISCARD
		expect(message(conn, n, { "bob@example.org" }), want, "copy " .. n)
	end
	mt.disconnect(conn)
	mt.echo("milter dialogue: copy " .. copies .. " discarded")
end
