// Package rcuser is a client for the user management of RC (RongCloud), for the backend of an app. It registers users
// and issues and invalidates their tokens, reads and updates what push notifications show of them, bans users,
// reports who is online, manages blocklists and allowlists, and deactivates and reactivates accounts.
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
// A method makes one call of RC's API. The exceptions are the iterators named All and AllDeactivated, the methods
// Replace, Plan and Contains of [BlocklistService] and [AllowlistService], and those of [BulkService], which make
// several. [Client.Call] reaches endpoints without a method of their own.
//
// A call is attempted several times if that may help and is harmless, see [RetryPolicy]. Every attempt has a new
// signature. A call ends at the latest when its context does.
//
// [Client.Bulk] makes the same call for any number of users at the rate that RC allows. It takes streams that may fail,
// see [Stream]. Interrupted work can be resumed.
//
// # Errors
//
// An [*ArgumentError] names an invalid argument; nothing was sent. Any other failure of a call is an [*Error]. It has
// RC's answer, the cause and the [Outcome], which says whether RC may have applied the call:
//
//	var rcErr *rcuser.Error
//	switch {
//	case errors.Is(err, rcuser.ErrUserLimit): // one of RC's codes
//	case errors.Is(err, context.DeadlineExceeded): // a cause
//	case errors.As(err, &rcErr) && rcErr.Outcome == rcuser.NotApplied: // nothing was changed
//	}
//
// Bulk work and Replace that aren't complete return a [*BulkError]. It has a report, and matches what ended the work and
// the errors of its calls with errors.Is and errors.As.
//
// # Webhooks
//
// Package webhook receives RC's requests to the app's webhook and waits for deactivations to finish.
//
// # Testing
//
// Package rctest is an in-memory fake of RC, for tests of programs that use this package.
//
// # Secrets
//
// No type of this package prints the app secret, and a [Token] shows its value only as JSON. RC prescribes signatures
// with SHA-1, which work with GODEBUG=fips140=only too.
package rcuser
