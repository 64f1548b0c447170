// Package rctest provides a fake RC (RongCloud) user service for tests: a server that keeps its state in memory and
// answers the API's calls out of it, with RC's codes.
//
//	srv := rctest.NewServer()
//	defer srv.Close()
//	client, err := rcuser.NewClient(srv.Config())
//	...
//	token, err := client.Users.Register(ctx, rcuser.Registration{UserID: "u1", Name: "Ann"})
//	srv.ValidToken("u1", token.Value) // true: a device could connect
//	srv.Advance(31 * time.Minute)     // and a ban of half an hour has ended
//
// It needs no socket and no waiting, and works within a [testing/synctest] bubble; [Server.Listen] adds a loopback
// port for other processes. It checks the signature and every documented limit of a request, in an implementation
// of its own: it shares no code with the client. Options choose what RC has switches for, and [Strict] requests.
// [Server.User], [Server.ValidToken], [Server.CanMessage] and [Server.Requests] look inside.
//
// [Server.Inject] makes calls fail, in memory and over a port alike:
//
//	srv.Inject(rctest.Fault{Endpoint: "/user/block.json", Code: 1008, RetryAfter: "2"})
//	srv.Inject(rctest.Fault{Status: 502, Body: "<html>bad gateway</html>", Times: 3})
//	srv.Inject(rctest.Fault{Kind: rctest.LostAnswer}) // applied, but who knows
//	srv.Inject(rctest.Fault{Kind: rctest.Hang, Host: rctest.PrimaryHost, Times: rctest.Always})
//	srv.Inject(rctest.Fault{HeaderDelay: 10 * time.Second, Probability: 0.1, Seed: 1, Times: rctest.Always})
//
// [Server.SetWebhook] posts signed events to the app's handler, as RC does, and [Server.InjectDelivery] makes that go wrong:
//
//	srv.SetWebhook(handler) // or SetWebhookURL
//	srv.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Twice})
//	client.Users.Deactivate(ctx, []string{"u1"})
//	srv.Advance(15 * time.Minute) // the handler gets the result now, and gets it twice
//
// A call costs the same however many users there are.
//
// # What is simplified
//
//   - Only the user calls that package rcuser has methods for are served. Other paths get HTTP 404 with code 404, other
//     methods than POST HTTP 405 with code 405; they are in [Server.Requests] like everything else.
//   - There are no messages, groups and push settings, and a user has one presence, not one per device.
//   - Events are those of presence, deactivation and reactivation. Every device is an iOS one at the same address, and
//     every session has an id of its own. None is late, lost or out of order unless a [DeliveryFault] makes it so, and RC's
//     pause after many timeouts isn't there.
//   - Primary and backup host are the same server, which only a [Fault] tells apart. It is one app, with one key.
//   - The allowlist may be filled while its switch is off, and has an effect once that is on. RC wants the switch on first.
//   - Tokens never expire by age. Users are never deleted, an app is never locked, no service is switched off: codes
//     1000, 1001, 1006, 1007, 1009 and 1050 only occur in a [Fault].
//   - A body may have 1 MiB; a larger one is refused with code 1005.
//   - In memory there is no compression, no TLS and no limit to connections, and net/http's Transport, which repeats
//     some requests other than POST by itself when a connection breaks, isn't there.
//
// # What is assumed
//
// RC's documentation is silent on these points. Where it names no code for a refusal, that is 1002 with HTTP 400, and
// a call that is refused changes nothing.
//
// Requests:
//
//   - Checks come in this order: path, method, App-Key, nonce, signature and time, rate, body, fields.
//   - A timestamp that is no number, missing signature headers and, if strict, old timestamps and long nonces are 1004.
//   - A body that isn't declared to be a form is 1003, as is an empty one where a field is required; broken escapes are 1002.
//   - Too many ids, numbers out of range, invalid UTF-8, and control characters in ids are 1002. Any other character
//     is fine in an id, a comma where ids aren't joined with commas too. An id given twice counts twice.
//   - A field that may have one value is refused if it is given more than once. Unknown fields are ignored.
//   - Rates are counted in a sliding second, per endpoint, and refused calls don't count. A call that is refused for
//     its fields does. The answer has no Retry-After.
//   - Any X-Request-ID is echoed. Times in answers are in UTC.
//
// Users and tokens:
//
//   - Calls other than the one for user info accept ids that were never registered. Changing the profile of one
//     changes nothing.
//   - An empty portraitUri counts as given and clears the stored one, and so does an empty name when a profile is
//     changed. Registering without portraitUri keeps the stored one.
//   - The time of creation is that of the first registration.
//   - Banned users get tokens. They work when the ban has ended.
//   - Expiring compares with the time of issue in whole milliseconds; a token issued in that same millisecond stays, so
//     let a test advance the clock between the two, and take the time from [Server.Now]. A
//     time yet to come also voids the tokens issued until then. A later call with an earlier time revives nothing.
//   - In the development environment a deactivated user still counts as registered.
//
// Bans and presence:
//
//   - A ban of a banned user starts anew, from now: it may end earlier than it would have.
//   - Bans that end at the same time are ordered by id. The size of a page has no maximum, and is ignored without a page.
//   - Banned, deactivated and unknown users are offline.
//
// Blocklists and allowlists:
//
//   - Adding an id that is in the list leaves it in its place. Of ids added by one call the last one is the newest. The
//     owner may be in its own list.
//   - An addition that would make a list longer than 3000 is refused whole.
//   - Page tokens stand for a position that stays the same while ids are added and removed: nothing is listed twice,
//     and ids added in the meantime aren't listed. A token of another list is refused; an empty one is the first page.
//   - If the allowlist is on for the whole app, switching it off for a user is refused. Asking answers "1" for everybody.
//   - A deactivated receiver doesn't make [Server.CanMessage] false.
//
// Deactivation:
//
//   - It ends presence and voids all tokens at once. Getting a new token is refused, 1002.
//   - Exactly 15 minutes later it has finished and has removed name, portrait, both lists that the user owns, and the
//     allowlist switch. Bans, the time of creation and the user's places in the lists of others stay; user info
//     then answers with an empty name. Until then all other calls work on the user as on any.
//   - Deactivating a deactivated user is accepted, with a new operation id, and starts nothing anew. Nothing makes a
//     deactivation fail but [Server.RefuseDeactivation].
//   - Deactivated users are listed in the order in which that was asked for, oldest first.
//   - Reactivation is refused as a whole if any of its ids was deactivated less than an hour ago. Ids that aren't
//     deactivated are no error.
//
// Events:
//
//   - They have the current set of signature parameters, in the query. The signature is made, by the real clock, when the
//     event happens, and a post that is tried again has the same URL and body.
//   - An answer is a status: 200 is success, and all else, no answer within 5 s too, is tried again, 1 s later by the
//     server's clock. After 3 attempts the event is dropped.
//   - A user's events are posted one after the other in the order in which they happened, each after the end of the one
//     before it, and at most 400 users' at the same time. RC promises no order at all.
//   - Presence comes as an array with one object: "0" when a user goes online, "1" when it goes offline or is banned, "2"
//     when it is deactivated. Only changes are reported. Times are of the server's clock.
//   - A call reports an id that it has twice once. The event of a call may come before the call's answer.
//   - A deactivation is reported when it finishes, with that time. One of a user whose deactivation still runs is
//     reported with that, with the same code, one of a user whose has finished at once.
//   - A reactivation is reported at once, as a success, also for users that were active.
package rctest
