package rcuser

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

// BulkService does the same to any number of users: it cuts a stream of ids into the largest batches that RC takes, and
// keeps as many calls in flight as the client's [Limiter] lets through. Use it as [Client.Bulk].
//
// Ids are read as the work goes on, and memory doesn't grow with them but for those that fail. Ids that are given twice
// within a batch are sent once and counted twice. A batch that RC refuses for a reason that may lie in one of its ids
// is split until the ids that are wrong stand alone; the others are done. Every call is repeated as any other, see
// [RetryPolicy].
//
// After [BulkOptions.StopAfter] failures, and when a deadline leaves no time for the rate limit, no further call begins
// and those in flight end. A context that ends cuts off those in flight too, so that their outcome is unknown; to let
// them end, end the stream instead. Either way the report is of all ids that were taken from the stream, and with a
// [Journal] the same call later does the rest.
type BulkService service

// BulkOptions say how bulk work is done. The zero value is fine.
type BulkOptions struct {
	Journal   Journal            // remembers what is done, so that the work can be resumed; nil = nothing is remembered
	Progress  func(BulkProgress) // called at most 4 times a second, by one goroutine at a time, and once at the end
	Expected  int                // how many ids there will be, for BulkProgress.Left; 0 = unknown
	StopAfter int                // the work ends after so many ids whose call failed, for whatever reason; 0 = it goes on
}

// BulkProgress is how far bulk work has come.
type BulkProgress struct {
	Done, Failed int           // ids; Failed are all whose call failed, for whatever reason
	Rate         float64       // ids done a second since the start, those of an earlier run left out
	Left         time.Duration // at this rate; 0 if BulkOptions.Expected or the rate is 0
}

// BulkReport says what became of every id that was taken from the stream: Total is Done plus the lengths of the
// three lists.
type BulkReport struct {
	Total, Done     int           // ids taken from the stream; ids that RC confirmed, in earlier runs too if there is a journal
	Failed, Unknown []BulkFailure // refused; sent without a verdict
	NotStarted      []string      // taken from the stream, never sent
}

// BulkFailure is an id for which a bulk call failed, and why: an [*ArgumentError] or an [*Error].
type BulkFailure struct {
	UserID string
	Err    error
}

// Result is what a bulk call that returns something has for one user.
type Result[T any] struct {
	UserID string
	Value  T
	Err    error
}

// Ban is [BansService.Add] for any number of users, 20 a call.
func (s *BulkService) Ban(ctx context.Context, ids iter.Seq[string], d time.Duration, opts BulkOptions) (BulkReport, error) {
	if err := checkBan(d); err != nil {
		return BulkReport{}, err
	}
	return s.run(ctx, bulkWork{name: "ban " + d.String(), batch: maxIDs, check: idFault, send: func(ctx context.Context, c *Client, ids []string) error {
		return c.Bans.Add(ctx, ids, d)
	}}, ids, opts)
}

// Unban is [BansService.Remove] for any number of users, 20 a call.
func (s *BulkService) Unban(ctx context.Context, ids iter.Seq[string], opts BulkOptions) (BulkReport, error) {
	return s.run(ctx, bulkWork{name: "unban", batch: maxIDs, check: idFault, send: func(ctx context.Context, c *Client, ids []string) error {
		return c.Bans.Remove(ctx, ids)
	}}, ids, opts)
}

// ExpireTokens is [TokensService.Expire] for any number of users, 20 a call.
func (s *BulkService) ExpireTokens(ctx context.Context, ids iter.Seq[string], before time.Time, opts BulkOptions) (BulkReport, error) {
	if err := checkBefore(before); err != nil {
		return BulkReport{}, err
	}
	name := fmt.Sprintf("expire tokens %d", before.UnixMilli())
	return s.run(ctx, bulkWork{name: name, batch: maxIDs, check: idFault, send: func(ctx context.Context, c *Client, ids []string) error {
		return c.Tokens.Expire(ctx, ids, before)
	}}, ids, opts)
}

// Deactivate is [UsersService.Deactivate] for any number of users, 100 a call and 100 ids a second. Done means that RC
// accepted it.
func (s *BulkService) Deactivate(ctx context.Context, ids iter.Seq[string], opts BulkOptions) (BulkReport, error) {
	return s.run(ctx, bulkWork{name: "deactivate", batch: maxJoinedIDs, check: joinedIDFault, send: func(ctx context.Context, c *Client, ids []string) error {
		_, err := c.Users.Deactivate(ctx, ids)
		return err
	}}, ids, opts)
}

// Reactivate is [UsersService.Reactivate] for any number of users, 100 a call and 100 ids a second.
func (s *BulkService) Reactivate(ctx context.Context, ids iter.Seq[string], opts BulkOptions) (BulkReport, error) {
	return s.run(ctx, bulkWork{name: "reactivate", batch: maxJoinedIDs, check: joinedIDFault, send: func(ctx context.Context, c *Client, ids []string) error {
		_, err := c.Users.Reactivate(ctx, ids)
		return err
	}}, ids, opts)
}

// EnableAllowlist is [AllowlistService.Enable] for any number of users, 20 a call.
func (s *BulkService) EnableAllowlist(ctx context.Context, ids iter.Seq[string], opts BulkOptions) (BulkReport, error) {
	return s.run(ctx, bulkWork{name: "enable allowlist", batch: maxIDs, check: idFault, send: func(ctx context.Context, c *Client, ids []string) error {
		return c.Allowlist.Enable(ctx, ids)
	}}, ids, opts)
}

// DisableAllowlist is [AllowlistService.Disable] for any number of users, 20 a call.
func (s *BulkService) DisableAllowlist(ctx context.Context, ids iter.Seq[string], opts BulkOptions) (BulkReport, error) {
	return s.run(ctx, bulkWork{name: "disable allowlist", batch: maxIDs, check: idFault, send: func(ctx context.Context, c *Client, ids []string) error {
		return c.Allowlist.Disable(ctx, ids)
	}}, ids, opts)
}

// Block is [BlocklistService.Add] for any number of users, 20 a call; a list has at most 3000.
func (s *BulkService) Block(ctx context.Context, ownerID string, ids iter.Seq[string], opts BulkOptions) (BulkReport, error) {
	return s.runFor(ctx, "block", ownerID, ids, opts, func(c *Client) listChange { return c.Blocklist.Add })
}

// Unblock is [BlocklistService.Remove] for any number of users, 20 a call.
func (s *BulkService) Unblock(ctx context.Context, ownerID string, ids iter.Seq[string], opts BulkOptions) (BulkReport, error) {
	return s.runFor(ctx, "unblock", ownerID, ids, opts, func(c *Client) listChange { return c.Blocklist.Remove })
}

// Allow is [AllowlistService.Add] for any number of users, 20 a call; a list has at most 3000.
func (s *BulkService) Allow(ctx context.Context, ownerID string, ids iter.Seq[string], opts BulkOptions) (BulkReport, error) {
	return s.runFor(ctx, "allow", ownerID, ids, opts, func(c *Client) listChange { return c.Allowlist.Add })
}

// Disallow is [AllowlistService.Remove] for any number of users, 20 a call.
func (s *BulkService) Disallow(ctx context.Context, ownerID string, ids iter.Seq[string], opts BulkOptions) (BulkReport, error) {
	return s.runFor(ctx, "disallow", ownerID, ids, opts, func(c *Client) listChange { return c.Allowlist.Remove })
}

type listChange func(ctx context.Context, ownerID string, ids []string) error

func (s *BulkService) runFor(ctx context.Context, name, ownerID string, ids iter.Seq[string], opts BulkOptions, change func(*Client) listChange) (BulkReport, error) {
	if err := checkID("ownerID", ownerID); err != nil {
		return BulkReport{}, err
	}
	return s.run(ctx, bulkWork{name: fmt.Sprintf("%s %q", name, ownerID), batch: maxIDs, check: idFault, send: func(ctx context.Context, c *Client, ids []string) error {
		return change(c)(ctx, ownerID, ids)
	}}, ids, opts)
}

// Register is [UsersService.Register] for any number of users, one a call and 200 a second. It yields one result a user,
// in the order in which RC's answers arrive; memory doesn't grow with their number. Every range starts anew, and calls
// again. When a range is left early, calls in flight are cancelled. A user whose call didn't begin because the context
// ended has its error as result; users that weren't taken from the stream have none. Of the options Progress, Expected
// and StopAfter count; a Journal is refused, as tokens can't be had again from it.
func (s *BulkService) Register(ctx context.Context, users iter.Seq[Registration], opts BulkOptions) iter.Seq[Result[Token]] {
	id := func(user Registration) string { return user.UserID }
	return each(ctx, s, users, id, opts, func(ctx context.Context, c *Client, user Registration) (Token, error) {
		return c.Users.Register(ctx, user)
	})
}

// Online is [PresenceService.Online] for any number of users, one a call and 100 a second. It yields as Register does.
func (s *BulkService) Online(ctx context.Context, ids iter.Seq[string], opts BulkOptions) iter.Seq[Result[bool]] {
	id := func(id string) string { return id }
	return each(ctx, s, ids, id, opts, func(ctx context.Context, c *Client, id string) (bool, error) {
		return c.Presence.Online(ctx, id)
	})
}

// check refuses what can't be meant.
func (o BulkOptions) check(missing bool) error {
	switch {
	case missing:
		return &ArgumentError{"ids", "is nil"}
	case o.Expected < 0:
		return argumentErrorf("BulkOptions.Expected", "%d is negative", o.Expected)
	case o.StopAfter < 0:
		return argumentErrorf("BulkOptions.StopAfter", "%d is negative", o.StopAfter)
	}
	return nil
}

var errStopped = errors.New("stopped after BulkOptions.StopAfter failures")
