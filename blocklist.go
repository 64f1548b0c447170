package rcuser

import (
	"context"
	"iter"
)

// BlocklistService manages each user's blocklist: if B is on A's list, B can't send A one-to-one messages, but A can
// message B. Messages that the app's server sends are delivered all the same, unless the request asks RC to check
// blocklists. The API calls a blocklist a blacklist. Use it as [Client.Blocklist].
type BlocklistService service

type blocklistForm struct {
	OwnerID formString `url:"userId"`
	UserIDs idList     `url:"blackUserId"`
}

var addToBlocklist = endpoint{path: "/user/blacklist/add.json", rate: 100}

// Add puts 1 to 20 users on the owner's blocklist, which holds at most 3000, fewer on some plans. Adding a user who
// is on it already is assumed to change nothing. An id that was never registered is no error; that isn't documented,
// it was observed in 2015. RC accepts 100 calls a second.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/blacklist/add-to-blacklist.
//
//rc:endpoint POST /user/blacklist/add.json
func (s *BlocklistService) Add(ctx context.Context, ownerID string, userIDs []string) error {
	if err := checkListChange(ownerID, userIDs); err != nil {
		return err
	}
	return callVoid(ctx, (*service)(s), addToBlocklist, blocklistForm{formString(ownerID), userIDs})
}

var removeFromBlocklist = endpoint{path: "/user/blacklist/remove.json", rate: 100}

// Remove takes 1 to 20 users off the owner's blocklist. Removing a user who isn't on it is no error; that isn't
// documented, it was observed in 2015. RC accepts 100 calls a second.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/blacklist/remove-from-blacklist.
//
//rc:endpoint POST /user/blacklist/remove.json
func (s *BlocklistService) Remove(ctx context.Context, ownerID string, userIDs []string) error {
	if err := checkListChange(ownerID, userIDs); err != nil {
		return err
	}
	return callVoid(ctx, (*service)(s), removeFromBlocklist, blocklistForm{formString(ownerID), userIDs})
}

var listBlocklist = endpoint{path: "/user/blacklist/query.json", rate: 100}

// List returns one page of the owner's blocklist, newest first. A page has at most 1000 ids, which is also the
// default. Its Next is the Token of the following page, and "" on the last. An entry of the answer without an id is left
// out. RC accepts 100 calls a second.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/blacklist/query-blacklist.
//
//rc:endpoint POST /user/blacklist/query.json
func (s *BlocklistService) List(ctx context.Context, ownerID string, cursor CursorOptions) (Page, error) {
	return listPage(ctx, (*service)(s), listBlocklist, ownerID, cursor)
}

// All returns an iterator over the owner's blocklist, newest first. It calls [BlocklistService.List] for 1000 ids at
// a time, up to the page without a Next, and starts again from the first page every time it is ranged over. The first
// error ends it and is yielded once, with an empty id. Pages that repeat without end are such an error, though ids
// may have been yielded several times before it is found.
func (s *BlocklistService) All(ctx context.Context, ownerID string) iter.Seq2[string, error] {
	return allCursors(listBlocklist, func(cursor CursorOptions) (Page, error) {
		return s.List(ctx, ownerID, cursor)
	})
}

// Replace makes the owner's blocklist equal to want; order and duplicates don't matter. It reads the list, and then adds
// the missing users and removes the others, 20 ids a call. If nothing differs, it makes no change. An empty want, also nil,
// removes everybody: check the error of what want was read from. Users are added first, unless the list would exceed 3000
// users meanwhile; then the others are removed first. They are also removed first once RC refuses an addition, as the app's
// plan may allow shorter lists.
//
// If RC refuses a call for a reason that may lie in one of its ids, the call is split in halves until the refused ids
// stand alone, and the others are still done. While RC hasn't confirmed any addition, at most three calls for 20 ids are
// split so, and then Replace stops; removals are treated in the same way. It stops at the first call that fails for any
// other reason.
//
// The Change lists exactly the users of the calls that RC confirmed, even if there is an error. Calling Replace again
// completes the work.
//
// Replace isn't atomic. Changes that others make meanwhile may be undone or missed. Such a change may also hide an id
// from the reading of the list: a wanted id is then added again, which changes nothing, and another id stays on the
// list.
//
// Errors: an [*ArgumentError], before anything is sent, for more than 3000 different ids or an invalid one; an
// [*Error] if the list can't be read; a [*BulkError] if not all changes were confirmed. Its report has each id that isn't
// done, with its position among all changes that were needed, additions before removals.
func (s *BlocklistService) Replace(ctx context.Context, ownerID string, want []string) (Change, error) {
	return replaceList(ctx, s, "blocklist", ownerID, want)
}

// Plan returns the Change that [BlocklistService.Replace] would make now, and checks the arguments in the same way.
// It reads the list and changes nothing.
func (s *BlocklistService) Plan(ctx context.Context, ownerID string, want []string) (Change, error) {
	return planList(ctx, s, ownerID, want)
}

// Contains reports whether a user is on the owner's blocklist. RC has no endpoint for that: Contains reads the list
// with [BlocklistService.All], newest first, until it finds the user. The answer may be wrong for a user who is added
// or removed meanwhile.
func (s *BlocklistService) Contains(ctx context.Context, ownerID, userID string) (bool, error) {
	return listContains(ctx, s, ownerID, userID)
}
