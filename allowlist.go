package rcuser

import (
	"context"
	"iter"
)

// AllowlistService lets users hear only from whom they list. It has a switch for every user, off at first, and a list
// that counts while the switch is on; the user's blocklist is then kept but has no effect. For two users to message each
// other while both switches are on, each must list the other. The API calls it the whitelist. Use it as
// [Client.Allowlist].
type AllowlistService service

var setAllowlist = endpoint{path: "/user/whitesetting/set.json", rate: 100}

type setAllowlistForm struct {
	UserIDs idList `url:"userId"`
	Setting int    `url:"whiteSetting"`
}

// Enable switches 1 to 20 users to their allowlists; for those who have it on already nothing changes. RC accepts 100
// calls a second.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/whitelist/set-whitelist-service.
//
//rc:endpoint POST /user/whitesetting/set.json
func (s *AllowlistService) Enable(ctx context.Context, userIDs []string) error {
	return s.set(ctx, userIDs, 1)
}

// Disable switches 1 to 20 users back to their blocklists; for those who have it off already nothing changes, and the
// allowlist is kept. Where the console has the allowlist on for the whole app, users can't be switched back; that RC
// refuses the call then, with [ErrParameter], is assumed. RC accepts 100 calls a second.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/whitelist/set-whitelist-service.
//
//rc:endpoint POST /user/whitesetting/set.json
func (s *AllowlistService) Disable(ctx context.Context, userIDs []string) error {
	return s.set(ctx, userIDs, 0)
}

func (s *AllowlistService) set(ctx context.Context, userIDs []string, setting int) error {
	if err := checkIDs("userIDs", userIDs, maxIDs); err != nil {
		return err
	}
	return callVoid(ctx, (*service)(s), setAllowlist, setAllowlistForm{userIDs, setting})
}

var getAllowlistSetting = endpoint{path: "/user/whitesetting/query.json", rate: 100}

type settingsAnswer struct {
	envelope
	Users *[]struct {
		UserID  string    `json:"userId"`
		Setting looseBool `json:"whiteSetting"`
	} `json:"users"`
}

func (a settingsAnswer) enabled() (map[string]bool, error) {
	if a.Users == nil {
		return nil, missingField("users")
	}
	enabled := make(map[string]bool, len(*a.Users))
	for _, user := range *a.Users {
		switch {
		case user.UserID == "":
			return nil, missingField("userId")
		case !user.Setting.given:
			return nil, missingField("whiteSetting")
		}
		enabled[user.UserID] = user.Setting.value
	}
	return enabled, nil
}

// Enabled reports for 1 to 20 users whether their allowlist counts. The map holds only the users that RC answered
// for. RC accepts 100 calls a second.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/whitelist/query-whitelist-service.
//
//rc:endpoint POST /user/whitesetting/query.json
func (s *AllowlistService) Enabled(ctx context.Context, userIDs []string) (map[string]bool, error) {
	if err := checkIDs("userIDs", userIDs, maxIDs); err != nil {
		return nil, err
	}
	return call(ctx, (*service)(s), getAllowlistSetting, userIDsForm{userIDs}, settingsAnswer.enabled)
}

type allowlistForm struct {
	OwnerID string `url:"userId"`
	UserIDs idList `url:"whiteUserId"`
}

var addToAllowlist = endpoint{path: "/user/whitelist/add.json", rate: 100}

// Add puts 1 to 20 users on the owner's allowlist, which has at most 3000 (fewer on some plans). Users who are on it
// already stay. RC wants the owner's switch to be on, see [AllowlistService.Enable]. RC accepts 100 calls a second.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/whitelist/add-to-whitelist.
//
//rc:endpoint POST /user/whitelist/add.json
func (s *AllowlistService) Add(ctx context.Context, ownerID string, userIDs []string) error {
	if err := checkListChange(ownerID, userIDs); err != nil {
		return err
	}
	return callVoid(ctx, (*service)(s), addToAllowlist, allowlistForm{ownerID, userIDs})
}

var removeFromAllowlist = endpoint{path: "/user/whitelist/remove.json", rate: 100}

// Remove takes 1 to 20 users off the owner's allowlist. Removing a user who isn't on it is assumed to be no error. RC accepts
// 100 calls a second.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/whitelist/remove-from-whitelist.
//
//rc:endpoint POST /user/whitelist/remove.json
func (s *AllowlistService) Remove(ctx context.Context, ownerID string, userIDs []string) error {
	if err := checkListChange(ownerID, userIDs); err != nil {
		return err
	}
	return callVoid(ctx, (*service)(s), removeFromAllowlist, allowlistForm{ownerID, userIDs})
}

var listAllowlist = endpoint{path: "/user/whitelist/query.json", rate: 100}

// List returns one page of the owner's allowlist, newest first: at most 1000 ids, which is the default too. The page's
// Next is the Token of the following one, "" on the last. RC accepts 100 calls a second.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/whitelist/query-whitelist.
//
//rc:endpoint POST /user/whitelist/query.json
func (s *AllowlistService) List(ctx context.Context, ownerID string, cursor CursorOptions) (Page, error) {
	return listPage(ctx, (*service)(s), listAllowlist, ownerID, cursor)
}

// All returns an iterator over the owner's whole allowlist, newest first, 1000 ids a call of [AllowlistService.List].
// Every range starts anew. It ends with the first error, which comes once with an empty id, also when RC gives a page's
// token a second time.
func (s *AllowlistService) All(ctx context.Context, ownerID string) iter.Seq2[string, error] {
	return allCursors(listAllowlist, func(cursor CursorOptions) (Page, error) {
		return s.List(ctx, ownerID, cursor)
	})
}

// Replace makes the owner's allowlist equal to want, with everything that [BlocklistService.Replace] says of order,
// limits, errors and what others change meanwhile. RC wants the owner's switch to be on if somebody is to be added, see
// [AllowlistService.Enable].
func (s *AllowlistService) Replace(ctx context.Context, ownerID string, want iter.Seq[string]) (Change, error) {
	return replaceList(ctx, s, ownerID, want)
}

// Plan returns what [AllowlistService.Replace] would change if it were called now, with the same checks of the
// arguments. It reads the list and changes nothing.
func (s *AllowlistService) Plan(ctx context.Context, ownerID string, want iter.Seq[string]) (Change, error) {
	return planList(ctx, s, ownerID, want)
}

// Contains reports whether a user is on the owner's allowlist, whether that counts or not. RC has no call for that: the
// list is read by [AllowlistService.All], newest first, and no further than the page that has the user. Who is added or
// removed meanwhile may be missed.
func (s *AllowlistService) Contains(ctx context.Context, ownerID, userID string) (bool, error) {
	return listContains(ctx, s, ownerID, userID)
}
