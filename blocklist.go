package rcuser

import (
	"context"
	"iter"
)

// BlocklistService keeps, for every user, whom that user doesn't want to hear from: A having B on the list, B can't
// message A one-to-one, while A still can message B. The API calls it the blacklist. Messages that the app's server
// sends ignore it unless asked to obey. Use it as [Client.Blocklist].
type BlocklistService service

type blocklistForm struct {
	OwnerID string `url:"userId"`
	UserIDs idList `url:"blackUserId"`
}

var addToBlocklist = endpoint{path: "/user/blacklist/add.json", rate: 100}

// Add puts 1 to 20 users on the owner's blocklist, which has at most 3000 (fewer on some plans). Users who are on it
// already stay. RC accepts 100 calls a second.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/blacklist/add-to-blacklist.
//
//rc:endpoint POST /user/blacklist/add.json
func (s *BlocklistService) Add(ctx context.Context, ownerID string, userIDs []string) error {
	if err := checkListChange(ownerID, userIDs); err != nil {
		return err
	}
	return callVoid(ctx, (*service)(s), addToBlocklist, blocklistForm{ownerID, userIDs})
}

var removeFromBlocklist = endpoint{path: "/user/blacklist/remove.json", rate: 100}

// Remove takes 1 to 20 users off the owner's blocklist. Removing a user who isn't on it is assumed to be no error. RC accepts
// 100 calls a second.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/blacklist/remove-from-blacklist.
//
//rc:endpoint POST /user/blacklist/remove.json
func (s *BlocklistService) Remove(ctx context.Context, ownerID string, userIDs []string) error {
	if err := checkListChange(ownerID, userIDs); err != nil {
		return err
	}
	return callVoid(ctx, (*service)(s), removeFromBlocklist, blocklistForm{ownerID, userIDs})
}

var listBlocklist = endpoint{path: "/user/blacklist/query.json", rate: 100}

// List returns one page of the owner's blocklist, newest first: at most 1000 ids, which is the default too. The page's
// Next is the Token of the following one, "" on the last. RC accepts 100 calls a second.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/blacklist/query-blacklist.
//
//rc:endpoint POST /user/blacklist/query.json
func (s *BlocklistService) List(ctx context.Context, ownerID string, cursor CursorOptions) (Page, error) {
	return listPage(ctx, (*service)(s), listBlocklist, ownerID, cursor)
}

// All returns an iterator over the owner's whole blocklist, newest first, 1000 ids a call of [BlocklistService.List].
// Every range starts anew. It ends with the first error, which comes once with an empty id, also when RC gives a page's
// token a second time.
func (s *BlocklistService) All(ctx context.Context, ownerID string) iter.Seq2[string, error] {
	return allCursors(listBlocklist, func(cursor CursorOptions) (Page, error) {
		return s.List(ctx, ownerID, cursor)
	})
}

// Replace makes the owner's blocklist equal to want, whose order and duplicates don't matter: it reads the list, adds who
// is missing, removes who isn't wanted, 20 ids a call, and sends no change if there is none. It adds first, unless the
// list would then be longer than 3000: then it removes first. Where the plan allows fewer, RC may refuse additions that
// have no room yet. More than 3000 different ids, or one that RC couldn't take, are an [*ArgumentError]. want is read
// before anything is sent; if it ends early because its source failed, the ids that it still had are removed.
//
// The first error ends it, and the Change is always exactly what RC confirmed. The ids of the call that failed aren't in
// it, but may have been changed too if the error's Outcome is [Unknown]. Calling Replace again completes the work. It
// isn't atomic: what others change meanwhile may be undone or missed, and an id that a moving list hid from the reading
// is added again, which changes nothing, or stays.
func (s *BlocklistService) Replace(ctx context.Context, ownerID string, want iter.Seq[string]) (Change, error) {
	return replaceList(ctx, s, ownerID, want)
}

// Plan returns what [BlocklistService.Replace] would change if it were called now, with the same checks of the
// arguments. It reads the list and changes nothing.
func (s *BlocklistService) Plan(ctx context.Context, ownerID string, want iter.Seq[string]) (Change, error) {
	return planList(ctx, s, ownerID, want)
}

// Contains reports whether a user is on the owner's blocklist. RC has no call for that: the list is read by
// [BlocklistService.All], newest first, and no further than the page that has the user. Who is added or removed
// meanwhile may be missed.
func (s *BlocklistService) Contains(ctx context.Context, ownerID, userID string) (bool, error) {
	return listContains(ctx, s, ownerID, userID)
}
