-- SPDX-License-Identifier: ISC
-- Plays an MTA to the milter door: who has to show a body? miltertest -s milter_body.lua -D socket=unix:/path
-- -D wanted=yes (a rule is in use that wants the bodies of bounces) or no.

local function fail(text)
	mt.echo("milter body: " .. text)
	error(text)
end

local function must(what, err)
	if err ~= nil then
		fail(what .. ": " .. tostring(err))
	end
end

local function expect(conn, want, what)
	if mt.getreply(conn) ~= want then
		fail(what .. ": " .. string.char(mt.getreply(conn)) .. " instead of " .. string.char(want))
	end
end

local function open()
	local conn = mt.connect(socket, 40, 0.05)

	if conn == nil then
		fail("cannot connect to " .. socket)
	end
	must("negotiate", mt.negotiate(conn, nil, nil, nil))
	must("conninfo", mt.conninfo(conn, "client.example.net", "192.0.2.25"))
	must("helo", mt.helo(conn, "client.example.net"))
	return conn
end

local function header(conn, id, sender, from)
	mt.macro(conn, SMFIC_MAIL, "i", id)
	must("mailfrom", mt.mailfrom(conn, sender))
	must("rcptto", mt.rcptto(conn, "<bob@example.org>"))
	must("from", mt.header(conn, "From", from))
	must("to", mt.header(conn, "To", "bob@example.org"))
	must("message-id", mt.header(conn, "Message-ID", "<" .. id .. "@example.net>"))
	must("eoh", mt.eoh(conn))
end

local conn

mt.set_timeout(10)
conn = open()
if wanted == "no" then
	if not mt.test_option(conn, SMFIP_NOBODY) then
		fail("asks for a body that nobody wants")
	end
	header(conn, "4B1", "<>", "MAILER-DAEMON@mx.example.net")
	must("eom", mt.eom(conn))
	expect(conn, SMFIR_CONTINUE, "bounce")
else
	if mt.test_option(conn, SMFIP_NOBODY) or mt.test_option(conn, SMFIP_NR_BODY) then
		fail("does not ask for the body, or not with an answer")
	end
	header(conn, "4B1", "<ann@example.net>", "ann@example.net")
	must("body", mt.bodystring(conn, "Hello.\r\n"))
	expect(conn, SMFIR_SKIP, "body of an ordinary message")
	must("eom", mt.eom(conn))
	expect(conn, SMFIR_CONTINUE, "ordinary message")
	header(conn, "4B2", "<>", "MAILER-DAEMON@mx.example.net")
	must("body", mt.bodystring(conn, "It failed.\r\n\r\n--- Below this line is a copy of the message.\r\n\r\nFrom: "))
	expect(conn, SMFIR_CONTINUE, "front of a bounce")
	must("body", mt.bodystring(conn, "bob@example.org\r\nMessage-ID: <1@example.org>\r\n\r\nHello.\r\n"))
	expect(conn, SMFIR_SKIP, "rest of a bounce")
	must("eom", mt.eom(conn))
	expect(conn, SMFIR_CONTINUE, "bounce")
end
mt.disconnect(conn)
mt.echo("milter body: as it should be, wanted " .. wanted)
