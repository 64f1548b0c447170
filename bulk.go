package rcuser

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// BulkService applies one operation to any number of users. It splits a stream of ids into the largest batches that RC
// accepts, and keeps up to 256 calls in flight, begun as fast as the client's [Limiter] allows. Use it as [Client.Bulk].
//
// The stream and the hooks of [BulkOptions] run in the caller's goroutine, never concurrently. So a stream that waits for
// its next id delays the hooks, the journal and the end of the work: a cancelled context cancels the calls in flight at
// once, but the method returns only after the stream has yielded again or ended. An id that occurs more than once in a
// batch is sent once and counted each time. If the stream yields an error, no more is read; what was read is still sent.
//
// The error is nil only if the stream ended by itself, without an error, and every id is done. Otherwise it is a
// [*BulkError] or, before anything is read or sent, an [*ArgumentError]. If ctx has ended when the stream ends, its error
// is a cause too.
//
// Each call is retried as [RetryPolicy] describes. What follows if it fails all the same:
//
//   - RC refuses it for a reason that may lie in one of its ids, such as [ErrParameter]: the batch is split in halves until
//     the refused ids stand alone, so the others are still done. While no call at all has succeeded, three batches are
//     split, one after the other, and if none of their ids succeeds the work ends.
//   - RC refuses it with [ErrAppSecret], [ErrSignature], [ErrAppLocked], [ErrForbidden] or [ErrNotEnabled]: the work ends.
//   - A proxy refuses it or its form doesn't reach RC ([ErrNoData]), Config.Credentials failed, or no connection can be
//     made for a reason that stays, such as a bad certificate: its ids fail. After three such calls, during which RC has
//     answered no other, the work ends.
//   - RC's success can't be decoded: its ids fail, and their state is [BulkUnknown].
//   - There is no answer, or one that asks for another attempt, such as [ErrRateLimited] or HTTP 5xx: the call is queued
//     again. No call begins for a second, then one alone, the next after 2 s, 4 s and so on or a longer Retry-After, at most
//     30 s, until RC answers one and the work goes on, or [BulkOptions.MaxOutage] has passed and the work ends. At most one
//     more batch is read meanwhile. A call that failed so three times while others succeeded in between isn't queued again:
//     its ids fail.
//
// When the work ends, for one of these reasons, after [BulkOptions.StopAfter] failures or because the rate limit would delay
// a call past the context's deadline, no further call begins, and calls in flight run to their end. When the context
// itself ends, calls in flight are cancelled and their outcome is unknown; to let them finish, end the stream instead. In
// every case the report covers all ids that were taken from the stream, and running the same work again with the same
// [Journal] does the rest. Memory doesn't grow with the number of ids, nor of those that fail.
//
// A panic in the stream, a hook, a callback of [Config] or a transport, or [runtime.Goexit] there, ends the work in the
// caller's goroutine, after the calls in flight have ended; the ids of those that succeeded are in the journal.
type BulkService service

// BulkOptions are the options of bulk work. The zero value is valid. A negative Expected or StopAfter is an
// [*ArgumentError].
type BulkOptions struct {
	Journal   Journal            // records which ids are done, so that the work can be resumed; nil = none
	Progress  func(BulkProgress) // called at most 4 times a second, and once at the end
	Expected  int                // the number of ids in the stream, for BulkProgress.Left; 0 = unknown
	StopAfter int                // no further call begins after this many ids have failed, for any reason; 0 = no limit

	// OnFailure is called for every id that isn't done, as soon as that is certain.
	OnFailure func(BulkFailure)

	// KeepFailures limits BulkReport.Failures to the first ids that failed. 0 = 10,000, negative = none.
	KeepFailures int

	// MaxOutage is how long RC may answer no call before the work ends. 0 = 10 minutes, negative = the work ends at the
	// first call that isn't answered.
	MaxOutage time.Duration

	// OnOperation is called for every call of Deactivate and Reactivate that RC accepted, with its operation and its ids.
	// Tracker.Started of package webhook is such a function, and Tracker.Wait waits for the results.
	OnOperation func(Operation, []string)
}

// BulkProgress is the state of running bulk work.
type BulkProgress struct {
	Done, Failed int           // ids; Done includes those done by an earlier run, Failed all that aren't done, for any reason
	Rate         float64       // ids done a second since the start, without those done by an earlier run
	Left         time.Duration // the time left at this rate; 0 if BulkOptions.Expected or the rate is 0
}

// Ban is [BansService.Add] for any number of users, 20 a call.
func (s *BulkService) Ban(ctx context.Context, ids iter.Seq2[string, error], d time.Duration, opts BulkOptions) (BulkReport, error) {
	if err := checkBan(d); err != nil {
		return BulkReport{}, err
	}
	return s.run(ctx, changeWork("ban "+d.String(), func(ctx context.Context, c *Client, ids []string) error {
		return c.Bans.Add(ctx, ids, d)
	}), ids, opts)
}

// Unban is [BansService.Remove] for any number of users, 20 a call.
func (s *BulkService) Unban(ctx context.Context, ids iter.Seq2[string, error], opts BulkOptions) (BulkReport, error) {
	return s.run(ctx, changeWork("unban", func(ctx context.Context, c *Client, ids []string) error {
		return c.Bans.Remove(ctx, ids)
	}), ids, opts)
}

// ExpireTokens is [TokensService.Expire] for any number of users, 20 a call.
func (s *BulkService) ExpireTokens(ctx context.Context, ids iter.Seq2[string, error], before time.Time, opts BulkOptions) (BulkReport, error) {
	if err := checkBefore(before); err != nil {
		return BulkReport{}, err
	}
	name := fmt.Sprintf("expire tokens %d", before.UnixMilli())
	return s.run(ctx, changeWork(name, func(ctx context.Context, c *Client, ids []string) error {
		return c.Tokens.Expire(ctx, ids, before)
	}), ids, opts)
}

// Deactivate is [UsersService.Deactivate] for any number of users, 100 a call and 100 ids a second. Done means that RC
// accepted the deactivation, which takes up to 15 minutes.
func (s *BulkService) Deactivate(ctx context.Context, ids iter.Seq2[string, error], opts BulkOptions) (BulkReport, error) {
	return s.run(ctx, operationWork("deactivate", func(ctx context.Context, c *Client, ids []string) (Operation, error) {
		return c.Users.Deactivate(ctx, ids)
	}), ids, opts)
}

// Reactivate is [UsersService.Reactivate] for any number of users, 100 a call and 100 ids a second.
func (s *BulkService) Reactivate(ctx context.Context, ids iter.Seq2[string, error], opts BulkOptions) (BulkReport, error) {
	return s.run(ctx, operationWork("reactivate", func(ctx context.Context, c *Client, ids []string) (Operation, error) {
		return c.Users.Reactivate(ctx, ids)
	}), ids, opts)
}

// EnableAllowlist is [AllowlistService.Enable] for any number of users, 20 a call.
func (s *BulkService) EnableAllowlist(ctx context.Context, ids iter.Seq2[string, error], opts BulkOptions) (BulkReport, error) {
	return s.run(ctx, changeWork("enable allowlist", func(ctx context.Context, c *Client, ids []string) error {
		return c.Allowlist.Enable(ctx, ids)
	}), ids, opts)
}

// DisableAllowlist is [AllowlistService.Disable] for any number of users, 20 a call.
func (s *BulkService) DisableAllowlist(ctx context.Context, ids iter.Seq2[string, error], opts BulkOptions) (BulkReport, error) {
	return s.run(ctx, changeWork("disable allowlist", func(ctx context.Context, c *Client, ids []string) error {
		return c.Allowlist.Disable(ctx, ids)
	}), ids, opts)
}

// Block is [BlocklistService.Add] for any number of users, 20 a call; a list has at most 3000.
func (s *BulkService) Block(ctx context.Context, ownerID string, ids iter.Seq2[string, error], opts BulkOptions) (BulkReport, error) {
	return s.runForOwner(ctx, "block", ownerID, func(c *Client) listChange { return c.Blocklist.Add }, ids, opts)
}

// Unblock is [BlocklistService.Remove] for any number of users, 20 a call.
func (s *BulkService) Unblock(ctx context.Context, ownerID string, ids iter.Seq2[string, error], opts BulkOptions) (BulkReport, error) {
	return s.runForOwner(ctx, "unblock", ownerID, func(c *Client) listChange { return c.Blocklist.Remove }, ids, opts)
}

// Allow is [AllowlistService.Add] for any number of users, 20 a call; a list has at most 3000.
func (s *BulkService) Allow(ctx context.Context, ownerID string, ids iter.Seq2[string, error], opts BulkOptions) (BulkReport, error) {
	return s.runForOwner(ctx, "allow", ownerID, func(c *Client) listChange { return c.Allowlist.Add }, ids, opts)
}

// Disallow is [AllowlistService.Remove] for any number of users, 20 a call.
func (s *BulkService) Disallow(ctx context.Context, ownerID string, ids iter.Seq2[string, error], opts BulkOptions) (BulkReport, error) {
	return s.runForOwner(ctx, "disallow", ownerID, func(c *Client) listChange { return c.Allowlist.Remove }, ids, opts)
}

// changeWork is work whose calls take 20 ids and start no operation.
func changeWork(name string, send func(context.Context, *Client, []string) error) bulkWork {
	return bulkWork{name, maxIDs, idProblem, func(ctx context.Context, c *Client, ids []string) (Operation, error) {
		return Operation{}, send(ctx, c, ids)
	}}
}

// operationWork is work whose calls take 100 ids and start an operation.
func operationWork(name string, send func(context.Context, *Client, []string) (Operation, error)) bulkWork {
	return bulkWork{name, maxJoinedIDs, joinedIDProblem, send}
}

type listChange func(ctx context.Context, ownerID string, ids []string) error

func (s *BulkService) runForOwner(
	ctx context.Context, name, ownerID string, change func(*Client) listChange, ids iter.Seq2[string, error], opts BulkOptions,
) (BulkReport, error) {
	if err := checkID("ownerID", ownerID); err != nil {
		return BulkReport{}, err
	}
	return s.run(ctx, changeWork(fmt.Sprintf("%s %q", name, ownerID), func(ctx context.Context, c *Client, ids []string) error {
		return change(c)(ctx, ownerID, ids)
	}), ids, opts)
}

// Register is [UsersService.Register] for any number of users, one a call and 200 a second. It yields one result a user,
// in the order in which the calls end; memory doesn't grow with their number. Calls for the same user are made one after the
// other, in the stream's order. Each range starts again from the first user and repeats the calls. When a range is left
// early, the calls in flight are cancelled. A user whose call didn't begin has a result with the error that prevented it;
// users that weren't taken from the stream have none. What ended the work early and concerns no user comes last: a result
// without a UserID, whose Err is a [*BulkError]. As there are no batches to split, the work ends when RC has refused 60 calls
// and none has succeeded. A Journal is an [*ArgumentError], as it can't return tokens again.
func (s *BulkService) Register(ctx context.Context, users iter.Seq2[Registration, error], opts BulkOptions) iter.Seq[BulkResult[Token]] {
	return each(ctx, s, users, opts, eachWork[Registration, Token]{
		name:   "register",
		stream: "users",
		id:     func(user Registration) string { return user.UserID },
		check:  Registration.check,
		call: func(ctx context.Context, c *Client, user Registration) (Token, error) {
			return c.Users.Register(ctx, user)
		},
	})
}

// Online is [PresenceService.Online] for any number of users, one a call and 100 a second. It yields its results as Register does.
func (s *BulkService) Online(ctx context.Context, ids iter.Seq2[string, error], opts BulkOptions) iter.Seq[BulkResult[bool]] {
	return each(ctx, s, ids, opts, eachWork[string, bool]{
		name:   "online",
		stream: "ids",
		id:     func(id string) string { return id },
		check:  func(id string) error { return checkID("userID", id) },
		call: func(ctx context.Context, c *Client, id string) (bool, error) {
			return c.Presence.Online(ctx, id)
		},
	})
}

// OwnedList is what [BulkService.ReplaceBlocklists] and [BulkService.ReplaceAllowlists] make of one user's list.
type OwnedList struct {
	OwnerID string
	UserIDs []string // at most 3000 different ids; none clears the list
}

// ReplaceBlocklists is [BlocklistService.Replace] for any number of owners. It yields its results as Register does, one an
// owner; if Err isn't nil, Value has the changes that RC confirmed all the same. If Err is a [*BulkError], its Failures name
// the ids; in the report of the last result they don't. The work ends when RC has refused 60 lists, or 20 ids or more of each
// of three, and no change has succeeded.
func (s *BulkService) ReplaceBlocklists(ctx context.Context, lists iter.Seq2[OwnedList, error], opts BulkOptions) iter.Seq[BulkResult[Change]] {
	return replaceLists(ctx, s, "replace blocklists", lists, opts, func(c *Client) listReplace { return c.Blocklist.Replace })
}

// ReplaceAllowlists is [AllowlistService.Replace] for any number of owners. It yields its results as ReplaceBlocklists does.
func (s *BulkService) ReplaceAllowlists(ctx context.Context, lists iter.Seq2[OwnedList, error], opts BulkOptions) iter.Seq[BulkResult[Change]] {
	return replaceLists(ctx, s, "replace allowlists", lists, opts, func(c *Client) listReplace { return c.Allowlist.Replace })
}

type listReplace func(ctx context.Context, ownerID string, want []string) (Change, error)

func replaceLists(
	ctx context.Context, s *BulkService, name string, lists iter.Seq2[OwnedList, error], opts BulkOptions, replace func(*Client) listReplace,
) iter.Seq[BulkResult[Change]] {
	return each(ctx, s, lists, opts, eachWork[OwnedList, Change]{
		name:   name,
		stream: "lists",
		id:     func(list OwnedList) string { return list.OwnerID },
		check: func(list OwnedList) error {
			if err := checkID("OwnedList.OwnerID", list.OwnerID); err != nil {
				return err
			}
			_, _, err := wantedIDs("OwnedList.UserIDs", list.UserIDs)
			return err
		},
		call: func(ctx context.Context, c *Client, list OwnedList) (Change, error) {
			return replace(c)(ctx, list.OwnerID, list.UserIDs)
		},
		merge: func(earlier, later Change) Change {
			return Change{union(earlier.Added, later.Added), union(earlier.Removed, later.Removed)}
		},
	})
}

// union returns the ids of both lists, each once: what one call did, others may have undone before the next.
func union(a, b []string) []string {
	in := map[string]bool{}
	for _, id := range a {
		in[id] = true
	}
	for _, id := range b {
		if !in[id] {
			a = append(a, id)
		}
	}
	return a
}

func (o BulkOptions) check() error {
	switch {
	case o.Expected < 0:
		return argumentErrorf("BulkOptions.Expected", "%d is negative", o.Expected)
	case o.StopAfter < 0:
		return argumentErrorf("BulkOptions.StopAfter", "%d is negative", o.StopAfter)
	}
	return nil
}
