// Package rcuser manages the users of an RC (RongCloud) app from the app's backend: it registers them and gets their
// tokens, expires tokens, reads and changes what push notifications show, bans, tells who is online, keeps blocklists
// and allowlists, and deactivates and reactivates accounts.
//
//	client, err := rcuser.NewClient(rcuser.Config{
//		AppKey:     os.Getenv("RC_APP_KEY"),
//		AppSecret:  os.Getenv("RC_APP_SECRET"),
//		DataCenter: rcuser.Singapore,
//	})
//	...
//	token, err := client.Users.Register(ctx, rcuser.Registration{UserID: "alice", Name: "Alice"})
//
// # Calls
//
// Every method is one call of RC's API, but for the iterators named All, for Replace, Plan and Contains of the two
// lists, and for Bulk, which make several. A call is signed afresh for every attempt, repeated where that may help and
// is harmless (see [RetryPolicy]), and ends with its context at the latest. [Client.Call] reaches the endpoints that
// have no method.
//
// [Client.Bulk] does the same to any number of users, at the rate that RC allows, and can be resumed.
//
// # Errors
//
// There are two kinds. An [*ArgumentError] names an argument that was refused before anything was sent. An [*Error] is
// every other failure; it has what RC answered, what caused it, and in its [Outcome] whether the call may have taken
// effect all the same:
//
//	var rcErr *rcuser.Error
//	switch {
//	case errors.Is(err, rcuser.ErrUserLimit): // a code of RC's
//	case errors.Is(err, context.DeadlineExceeded): // a cause
//	case errors.As(err, &rcErr) && rcErr.Outcome == rcuser.NotApplied: // safe to say that nothing happened
//	}
//
// # Webhooks
//
// Package webhook receives what RC posts to the app's server, and waits for deactivations to finish.
//
// # Testing
//
// Package rctest is a fake of RC in memory, for the tests of programs that use this package.
//
// # Secrets
//
// No type of this package prints the app's secret, and a [Token] prints its value only as JSON. Signatures are SHA-1,
// as RC prescribes; a process that runs with GODEBUG=fips140=only can't make them.
package rcuser
