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

// What follows serves the allowlist too, whose lists differ from these only by name.

type cursorForm struct {
	OwnerID string `url:"userId"`
	Token   string `url:"pageToken,omitempty"`
	Size    int    `url:"size,omitempty"`
}

type pageAnswer struct {
	envelope
	UserIDs *[]string `json:"users"`
	Next    string    `json:"next"`
}

func (a pageAnswer) page() (Page, error) {
	ids, err := listedIDs(a.UserIDs)
	return Page{ids, a.Next}, err
}

// listPage is the List of both the blocklist and the allowlist.
func listPage(ctx context.Context, s *service, ep endpoint, ownerID string, cursor CursorOptions) (Page, error) {
	if err := checkID("ownerID", ownerID); err != nil {
		return Page{}, err
	}
	if cursor.Size < 0 || cursor.Size > maxListPage {
		return Page{}, argumentErrorf("CursorOptions.Size", "%d, it must be from 0 to %d", cursor.Size, maxListPage)
	}
	return call(ctx, s, ep, cursorForm{ownerID, cursor.Token, cursor.Size}, pageAnswer.page)
}

// checkListChange is for a change of a blocklist or an allowlist.
func checkListChange(ownerID string, userIDs []string) error {
	if err := checkID("ownerID", ownerID); err != nil {
		return err
	}
	return checkIDs("userIDs", userIDs, maxIDs)
}
