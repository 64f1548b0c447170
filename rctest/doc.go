// Package rctest provides a fake RC (RongCloud) user service for tests: a server that keeps its state in memory and
// answers API calls from that state, with RC's codes.
//
//	srv, client := rctest.Start(t) // or NewServer and Config
//	token, err := client.Users.Register(ctx, rcuser.Registration{UserID: "u1", Name: "Ann"})
//	srv.ValidToken("u1", token.Value) // true: a device could connect
//	srv.Advance(31 * time.Minute)     // ends a ban of 30 minutes
//
// The server needs no socket and no waiting, and works within a [testing/synctest] bubble. [Server.Listen] adds a
// loopback port for other processes. The server checks the signature and the documented limits of every request. It
// shares no code with the client. By default it accepts what RC's SDKs in other languages send; it is tested with RC's
// own SDKs for Node.js, with curl, and with requests as SDKs for PHP, .NET, Java, Python, Ruby and Go write them.
// [Strict] makes the checks stricter; other options set what RC's console can switch.
//
// [Server.User], [Server.ValidToken], [Server.CanMessage] and [Server.RequestsSince] return what the server stores, and
// [Server.Users], [Server.Bans] and [Server.Pending] go through all of it. [Server.Changes] waits for the next change.
// [Server.Connect] does what a phone does with a token, and tells why it is refused.
//
// [Server.Inject] makes calls fail, in memory and over a port:
//
//	srv.Inject(rctest.Fault{Endpoint: "/user/block.json", Code: 1008, RetryAfter: "2"})
//	srv.Inject(rctest.Fault{Status: 502, Body: "<html>bad gateway</html>", Times: 3})
//	srv.Inject(rctest.Fault{Kind: rctest.LostAnswer}) // applies the call and sends no answer
//	srv.Inject(rctest.Fault{Kind: rctest.Hang, Host: rctest.PrimaryHost, Times: rctest.Always})
//	srv.Inject(rctest.Fault{Kind: rctest.RefuseConnection, For: 30 * time.Second}) // an outage of both hosts
//	srv.Inject(rctest.Fault{Code: 1002, UserID: "bad", Times: rctest.Always})      // RC refuses one id
//	srv.Inject(rctest.Fault{PageSize: 10, Times: rctest.Always})                   // shorter pages than asked for
//	srv.Inject(rctest.Fault{DateOffset: time.Hour, Times: rctest.Always})          // a proxy with a wrong clock
//	srv.Inject(rctest.Fault{HeaderDelay: 10 * time.Second, Probability: 0.1, Seed: 1, Times: rctest.Always})
//
// [Server.SetWebhook] posts signed events to the app's handler, as RC does. [Server.InjectDelivery] adds delivery faults:
//
//	srv.SetWebhook(handler) // or SetWebhookURL
//	srv.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Twice})
//	client.Users.Deactivate(ctx, []string{"u1"})
//	srv.Advance(15 * time.Minute) // the deactivation finishes; its result is posted twice
//
// [Server.Export] saves the state of the service and [Server.Import] restores it, in this or another server; [Server.Reset]
// begins anew:
//
//	srv.Export(file)
//	other.Import(file) // the same users, bans and lists; the same tokens are valid
//
// The cost of a call doesn't depend on the number of users, nor that of a token on how many the user has. A user that is
// only registered takes up to 170 bytes, apart from texts longer than about 80 bytes in all; a million take less than 200 MiB.
// No method holds up calls for longer than it takes to copy about a thousand users, apart from deactivations that finish
// at the same moment: all of them are finished at once.
//
// # What is simplified
//
//   - Only the user calls that package rcuser has methods for are served. Other paths get HTTP 404 with code 404, methods
//     other than POST get HTTP 405 with code 405. [Server.Requests] includes both.
//   - There are no messages, groups and push settings. Presence is per user, not per device.
//   - The only events are those of presence, deactivation and reactivation. Every user has one iOS device, all at the same
//     address, and every session has its own id. An event is late, lost or out of order only because of a
//     [DeliveryFault]. RC's pause after many timeouts isn't implemented.
//   - Primary and backup host are the same server; only a [Fault] distinguishes them. The server is one app with one key.
//   - The allowlist can be filled while its switch is off, and takes effect once it is on. RC wants the switch on first.
//   - Tokens never expire by age. Users are never deleted, an app is never locked, no service is switched off: codes
//     1000, 1001, 1006, 1007, 1009 and 1050 only occur with a [Fault].
//   - A body may have 1 MiB; a larger one is refused with code 1005.
//   - In memory there is no compression, no TLS and no connection limit. net/http's Transport isn't involved, so nothing
//     repeats a request other than POST when a connection breaks.
//
// # What is assumed
//
// RC's documentation doesn't specify these points. Where it names no code for a refusal, the server answers 1002 with
// HTTP 400. A refused call changes nothing.
//
// Requests:
//
//   - Checks run in this order: path, method, App-Key, missing headers, signature, timestamp and nonce, rate, body, fields.
//   - Unless [Strict]: a signature in upper case, a timestamp in seconds, long nonces, RC- headers, doubled slashes, a missing
//     Content-Type, ids repeated where commas join them, unescaped semicolons and empty parameters are accepted.
//   - A timestamp that isn't a number, missing signature headers and, with [Strict], old timestamps and long nonces are
//     1004.
//   - A body whose Content-Type isn't a form is 1003, unless it has none, as is an empty one where a field is required.
//     Invalid percent-encoding is 1002. A byte order mark belongs to the first field's name.
//   - The body of a request whose signature isn't verified isn't read as a form.
//   - Too many ids, numbers out of range, invalid UTF-8, and control characters in ids are 1002. All other characters
//     are allowed in an id, including commas where ids aren't joined with commas. A repeated id counts each time.
//   - A single-valued field that is given more than once is refused, other than the userId of deactivate and
//     reactivate. Unknown fields are ignored.
//   - Rates are counted per endpoint in a sliding window of one second. Calls refused for the rate or an earlier check
//     don't count; those refused for their body or fields do. The answer has no Retry-After.
//   - An X-Request-Id is echoed, or generated for an answer of RC; a proxy's answer made by a fault gets none. Times in answers
//     are in UTC.
//
// Users and tokens:
//
//   - Reading or updating the profile of an id that was never registered is refused with 1002 and the text recorded from
//     RC. All other calls accept such ids.
//   - An empty portraitUri counts as given and clears the stored one, and so does an empty name in a profile
//     update. Registering without portraitUri keeps the stored one.
//   - The creation time is that of the first registration.
//   - Banned users get tokens, which are valid once the ban has ended.
//   - Expiring voids the tokens that were issued before the time, in whole milliseconds. Of those issued in that very
//     millisecond, it voids the ones that exist when the call is made. So registering and then expiring up to now voids the
//     token, and expiring up to now and then registering gives a valid one, even within a millisecond. A time in the future
//     also voids the tokens issued until then. A later call with an earlier time doesn't make tokens valid again.
//   - A token carries its user, number and time of issue, authenticated with a random key of the server. None is stored,
//     so a user may have any number of them; [Server.User] lists the valid ones of the last 20.
//   - In the development environment a deactivated user still counts as registered.
//
// Bans and presence:
//
//   - Banning a banned user replaces the ban: the new one starts now and may end earlier than the old one.
//   - Bans that end at the same time are ordered by id. The size of a page has no maximum; it is ignored without a page.
//   - Banned, deactivated and unknown users are offline.
//   - The ends of bans and deactivations are in whole milliseconds. What time brings is reported by [Server.Changes] when the
//     server is used next, for bans at most 100 at a time; [Server.Pending] says when something is due.
//
// Blocklists and allowlists:
//
//   - Adding an id that is already in the list doesn't move it. The last id of a call counts as the newest. Owners
//     may add themselves to their own list.
//   - A call that would make a list longer than 3000 is refused as a whole.
//   - A page token is a position that doesn't move when ids are added or removed: no id is listed twice,
//     and ids added after the first page aren't listed. A token of another list is refused; an empty one is the first page.
//   - If the allowlist is on for the whole app, turning it off for a user is refused, and queries return "1" for every user.
//   - A deactivated receiver doesn't make [Server.CanMessage] false.
//
// Deactivation:
//
//   - It ends presence and voids all tokens at once. Getting a new token is refused with 1002.
//   - It finishes exactly 15 minutes later, and then removes name, portrait, the user's blocklist and allowlist, and the
//     allowlist switch. Bans, the creation time and the user's entries in the lists of others stay; user info
//     then returns an empty name. Until then all other calls work for the user as for any other.
//   - Deactivating a deactivated user is accepted, with a new operation id, and doesn't restart the 15 minutes. While 10,000
//     operations wait for the same result, a further one is refused with 1008. Only [Server.RefuseDeactivation] makes a
//     deactivation fail.
//   - Deactivated users are listed in the order of their deactivation calls, oldest first.
//   - Reactivation is refused as a whole if any of its ids was deactivated less than an hour ago. Ids that aren't
//     deactivated are accepted.
//
// Events:
//
//   - The query has the current set of signature parameters. The signature is made, with the time of the real clock, when
//     the event happens. A retry has the same URL and body.
//   - Only the HTTP status counts: 200 is success. Any other status, and no answer within 5 s, is retried after 1 s of the
//     server's clock. After 3 attempts the event is dropped.
//   - A user's events are posted one at a time, in the order in which they happened. Events of at most 400 users are
//     posted at the same time. RC guarantees no order at all.
//   - Presence is an array with one object: "0" when a user goes online, "1" when it goes offline or is banned, "2"
//     when it is deactivated. Only changes are reported. Times are those of the server's clock.
//   - A call reports a repeated id once. An event may arrive before the answer to the call that caused it.
//   - A deactivation is reported when it finishes, with that time. Deactivating the user again before that reports
//     the same code at the same time for the new operation; after that, at once.
//   - A reactivation is reported at once, as a success, also for users that were active.
package rctest
