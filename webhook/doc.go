// Package webhook receives the webhooks that RC posts to the app's server about users: who went online or offline,
// finished deactivations and reactivations, and changes of profiles and friendships.
//
//	h, err := webhook.NewHandler(webhook.Config{
//		Credentials: webhook.StaticCredentials(rcuser.Credentials{AppKey: key, AppSecret: secret}),
//		OnPresence: func(ctx context.Context, e webhook.PresenceEvent) error {
//			return sessions.Set(ctx, e.UserID, e.SessionID, e.Status == webhook.Online, e.Time)
//		},
//	})
//	...
//	http.Handle("POST /rc/3f9c81d2b7", h) // use https and a path that can't be guessed
//
// [Operations] waits for the results of deactivations and reactivations; a [Tracker] waits for those of bulk work.
// [Verify] and [Decode] are for programs with a handler of their own, and [Sign] is for the tests of such a handler.
// The fake RC of package rctest posts signed events as RC does.
//
// # What a signature proves
//
// RC puts a nonce, a timestamp and a signature into the URL's query. The signature is the SHA-1 of the app secret, the
// nonce and the timestamp. A valid one proves that it was made by someone who knows the secret, at about the time of the
// timestamp. It does not prove that RC sent this request, and it covers neither the body nor the path:
//
//   - Anyone who sees a URL, for instance in a proxy's log, can post a different body to it until the signature expires.
//     The replay guard accepts only the first request with a given signature, whoever sends it. A [Handler] logs a warning
//     if it sees a second body.
//   - SHA-1 is open to length extension, and the digest has no separator between nonce and timestamp, so that one URL
//     would be enough to forge others. Verify checks the syntax of the parameters to prevent this. One case can't be
//     detected: if RC signs with a timestamp in seconds, as it did with its oldest parameter names, the last digits of a
//     nonce may happen to form, together with those seconds, a timestamp in milliseconds that becomes valid weeks later.
//   - The same secret signs the app's calls to RC.
//
// Therefore:
//
//   - Receive webhooks over https only, at a path that can't be guessed, and keep the query out of logs.
//   - Allow only RC's IP addresses, in the firewall or in a handler around this one. RC publishes them for each data
//     center; they change, so they aren't listed here.
//   - Before doing anything that can't be undone, confirm the event by asking RC: [rcuser.PresenceService.Online],
//     [rcuser.UsersService.ListDeactivated].
//
// # Delivery
//
// RC expects status 200 within 5 seconds, makes 3 attempts in all, and pauses for a minute after many timeouts. It
// guarantees no order, and an event may arrive twice or never. A [Handler] answers in time however long the app's code
// takes; the app's callbacks must be correct for events that arrive late, twice or out of order.
//
// A handler loses an event only if all of RC's attempts fail: the callback fails each time, takes longer than all of them,
// or its process dies. An attempt that arrives while another one is being handled waits for the result instead of being
// refused. With a [ReplayGuard] whose claims end after a lease of 5 seconds, that holds after the death of a process too.
//
// RC's documentation leaves two things open. This package assumes that a repeated request may have the same signature or
// a new one, and that the timestamp is the time of signing, in milliseconds or seconds.
package webhook
