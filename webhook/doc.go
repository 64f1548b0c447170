// Package webhook receives what RC posts to the app's server about users: who went online or offline, deactivations and
// reactivations that finished, changes of profiles and friendships.
//
//	h, err := webhook.NewHandler(webhook.Config{
//		Credentials: webhook.StaticCredentials(rcuser.Credentials{AppKey: key, AppSecret: secret}),
//		OnPresence: func(ctx context.Context, e webhook.PresenceEvent) error {
//			return sessions.Set(ctx, e.UserID, e.SessionID, e.Status == webhook.Online, e.Time)
//		},
//	})
//	...
//	http.Handle("POST /rc/3f9c81d2b7", h) // a path that nobody can guess, and https
//
// [Operations] waits for the results of deactivations. [Verify] and [Decode] are for those who route themselves, [Sign]
// is for their tests, and rctest posts signed events as RC does.
//
// # What a signature proves
//
// RC signs with SHA-1 of the secret, a nonce and a timestamp, in the URL. A signature that verifies proves that somebody
// who knows the secret made it at about that time. It does not prove that RC sent this request, and it says nothing
// about the body and the path:
//
//   - Whoever sees a URL, in the log of a proxy or on the way, can post another body to it, until the signature is too
//     old. The replay guard lets only the first request with a signature through, whoever sends it.
//   - Without the checks of the parameters that Verify does, one URL would be enough to make any number of signatures:
//     SHA-1 can be extended, and nonce and timestamp have no boundary. What no check can tell: if RC signs in seconds, as
//     it did with the oldest parameters, a nonce whose last digits happen to fit can become the first digits of
//     milliseconds, for a time weeks later.
//   - The same secret signs the app's calls to RC.
//
// What to do about it:
//
//   - Receive webhooks over https only, at a path that can't be guessed, and keep the query out of logs.
//   - Let only RC's addresses in, in the firewall or in a handler around this one. RC lists them for each data center;
//     they change, so they aren't here.
//   - Take an event for a hint. Before something that can't be undone, ask RC: [rcuser.PresenceService.Online],
//     [rcuser.UsersService.ListDeactivated].
//
// # Delivery
//
// RC wants an answer of 200 within 5 seconds, tries 3 times in all, and pauses for a minute after many timeouts. It
// promises no order, and an event may come twice or never. A [Handler] answers in time whatever the app does; whether
// the app's functions are right when events come late, twice or out of order is theirs to see to.
//
// Where RC's documentation is silent: it is assumed that what is sent again has the same signature or a new one, and
// that a timestamp in the URL has the milliseconds or seconds of when it was signed.
//
// A process that runs with GODEBUG=fips140=only can't compute SHA-1, and so can't verify anything: it panics, which a
// Handler answers with 500.
package webhook
