package rcuser

import (
	"context"
	"iter"
	"time"
)

// BansService bans users, who then can't connect until the ban ends. The API calls a ban a block; it has nothing to
// do with the blocklists of [BlocklistService]. Use it as [Client.Bans].
type BansService service

var addBans = endpoint{path: "/user/block.json", rate: 100}

const (
	minBan = time.Minute
	maxBan = 30 * 24 * time.Hour
)

type addBansForm struct {
	UserIDs idList `url:"userId"`
	Minutes int    `url:"minute"`
}

// Add bans 1 to 20 users for a whole number of minutes, from 1 minute to 30 days. RC disconnects them at once and
// refuses their connections until the ban ends. Messages to them are delivered after the ban; RC keeps them for at
// most 7 days.
//
// A ban of a banned user is assumed to start again from now. An id that was never registered is no error; that isn't
// documented, it was observed in 2015. RC accepts 100 calls a second.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/block.
//
//rc:endpoint POST /user/block.json
func (s *BansService) Add(ctx context.Context, userIDs []string, duration time.Duration) error {
	if err := checkIDs("userIDs", userIDs, maxIDs); err != nil {
		return err
	}
	if err := checkBan(duration); err != nil {
		return err
	}
	return callVoid(ctx, (*service)(s), addBans, addBansForm{userIDs, int(duration / time.Minute)})
}

func checkBan(duration time.Duration) error {
	switch {
	case duration < minBan || duration > maxBan:
		return argumentErrorf("duration", "%v, it must be from 1 minute to 30 days", duration)
	case duration%time.Minute != 0:
		return argumentErrorf("duration", "%v, it must be whole minutes", duration)
	}
	return nil
}

var removeBans = endpoint{path: "/user/unblock.json", rate: 100}

// Remove ends the bans of 1 to 20 users at once. Removing a user who isn't banned is assumed to be no error. RC
// accepts 100 calls a second.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/unblock.
//
//rc:endpoint POST /user/unblock.json
func (s *BansService) Remove(ctx context.Context, userIDs []string) error {
	if err := checkIDs("userIDs", userIDs, maxIDs); err != nil {
		return err
	}
	return callVoid(ctx, (*service)(s), removeBans, userIDsForm{userIDs})
}

// Ban is a banned user and the end of the ban.
type Ban struct {
	UserID string
	Until  time.Time // in whole seconds, in the data center's time zone; zero if RC's answer has none that can be read
}

var listBans = endpoint{path: "/user/block/query.json", rate: 100}

type listBansForm struct {
	Page int `url:"page,omitempty"`
	Size int `url:"size,omitempty"`
}

type bansAnswer struct {
	envelope
	Users looseList[banAnswer] `json:"users"`
}

type banAnswer struct {
	UserID looseString `json:"userId"`
	Until  looseString `json:"blockEndTime"`
}

// bans has a zero Ban for an entry without a user's id.
func (a bansAnswer) bans(location *time.Location) ([]Ban, error) {
	users, err := a.Users.read("users")
	if err != nil {
		return nil, err
	}
	bans := make([]Ban, len(users))
	for i, user := range users {
		if user.UserID != "" {
			bans[i] = Ban{string(user.UserID), parseTime(user.Until, location)}
		}
	}
	return bans, nil
}

// List returns one page of the bans. The zero PageOptions request no paging: RC then returns the first 1000 bans,
// latest end first. RC documents neither a largest page size nor the order of numbered pages. It returns neither a total
// nor a next page: the list ends with an empty page, and a page with fewer bans than its size needn't be the last. An
// entry of the answer without a user's id is left out. RC doesn't document the zone of Ban.Until, see [Beijing]. RC
// accepts 100 calls a second.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/query-blocked-list.
//
//rc:endpoint POST /user/block/query.json
func (s *BansService) List(ctx context.Context, page PageOptions) ([]Ban, error) {
	bans, err := s.page(ctx, page)
	return withoutZero(bans), err
}

// page is List with a zero Ban for an entry without a user's id.
func (s *BansService) page(ctx context.Context, page PageOptions) ([]Ban, error) {
	if err := page.check(0); err != nil {
		return nil, err
	}
	return call(ctx, (*service)(s), listBans, listBansForm{page.page(), page.Size}, func(a bansAnswer) ([]Ban, error) {
		return a.bans(s.client.caller.location)
	})
}

const bansPage = 50 // RC's default; the largest size isn't documented

// All returns an iterator over all bans. It reads the pages of [BansService.List], 50 bans each, up to the first empty
// one, and starts again from page 1 every time it is ranged over. The first error ends it and is yielded once, with a
// zero Ban. Pages that repeat without end are such an error, though bans may have been yielded several times before it
// is found. A ban may be missed or yielded twice if bans are added or end meanwhile.
func (s *BansService) All(ctx context.Context) iter.Seq2[Ban, error] {
	return allPages(listBans, bansPage, func(page PageOptions) ([]Ban, error) {
		return s.page(ctx, page)
	})
}
