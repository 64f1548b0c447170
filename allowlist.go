package rcuser

import (
	"context"
	"iter"
)

// AllowlistService manages each user's allowlist and whether it is enabled, which it isn't at first. If A's allowlist
// is enabled, only users on it can message A; A's blocklist is kept, but has no effect. Two users whose allowlists
// are both enabled can message each other only if each is on the other's list. The API calls an allowlist a
// whitelist. Use it as [Client.Allowlist].
type AllowlistService service

var setAllowlist = endpoint{path: "/user/whitesetting/set.json", rate: 100}

type setAllowlistForm struct {
	UserIDs idList `url:"userId"`
	Setting int    `url:"whiteSetting"`
}

// Enable enables the allowlists of 1 to 20 users, and so disables their blocklists. It changes nothing for users
// whose allowlist is enabled already. RC accepts 100 calls a second.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/whitelist/set-whitelist-service.
//
//rc:endpoint POST /user/whitesetting/set.json
func (s *AllowlistService) Enable(ctx context.Context, userIDs []string) error {
	return s.set(ctx, userIDs, 1)
}

// Disable disables the allowlists of 1 to 20 users, and so enables their blocklists. The allowlists are kept. It
// changes nothing for users whose allowlist is disabled already. RC accepts 100 calls a second.
//
// Errors: if the console enables allowlists for the whole app, users can't be switched back; RC is assumed to refuse
// the call with [ErrParameter].
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
	Users looseList[settingAnswer] `json:"users"`
}

type settingAnswer struct {
	UserID  looseString `json:"userId"`
	Setting looseBool   `json:"whiteSetting"`
}

func (a settingsAnswer) enabled() (map[string]bool, error) {
	users, err := a.Users.read("users")
	if err != nil {
		return nil, err
	}
	enabled := make(map[string]bool, len(users))
	for _, user := range users {
		if user.UserID != "" {
			enabled[string(user.UserID)] = user.Setting.value
		}
	}
	return enabled, nil
}

// Enabled reports for each of 1 to 20 users whether the allowlist is enabled. The map contains only the users that
// RC's answer contains. A setting that the answer lacks, or that can't be read, is taken for RC's default, disabled; that
// is assumed. RC accepts 100 calls a second.
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
	OwnerID formString `url:"userId"`
	UserIDs idList     `url:"whiteUserId"`
}

var addToAllowlist = endpoint{path: "/user/whitelist/add.json", rate: 100}

// Add puts 1 to 20 users on the owner's allowlist, which holds at most 3000, fewer on some plans. RC requires the
// owner's allowlist to be enabled, see [AllowlistService.Enable]. Adding a user who is on it already is assumed to
// change nothing. RC accepts 100 calls a second.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/whitelist/add-to-whitelist.
//
//rc:endpoint POST /user/whitelist/add.json
func (s *AllowlistService) Add(ctx context.Context, ownerID string, userIDs []string) error {
	if err := checkListChange(ownerID, userIDs); err != nil {
		return err
	}
	return callVoid(ctx, (*service)(s), addToAllowlist, allowlistForm{formString(ownerID), userIDs})
}

var removeFromAllowlist = endpoint{path: "/user/whitelist/remove.json", rate: 100}

// Remove takes 1 to 20 users off the owner's allowlist. Removing a user who isn't on it is assumed to be no error. RC
// accepts 100 calls a second.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/whitelist/remove-from-whitelist.
//
//rc:endpoint POST /user/whitelist/remove.json
func (s *AllowlistService) Remove(ctx context.Context, ownerID string, userIDs []string) error {
	if err := checkListChange(ownerID, userIDs); err != nil {
		return err
	}
	return callVoid(ctx, (*service)(s), removeFromAllowlist, allowlistForm{formString(ownerID), userIDs})
}

var listAllowlist = endpoint{path: "/user/whitelist/query.json", rate: 100}

// List returns one page of the owner's allowlist, newest first. A page has at most 1000 ids, which is also the
// default. Its Next is the Token of the following page, and "" on the last. An entry of the answer without an id is left
// out. RC accepts 100 calls a second.
//
// Source: https://docs.rongcloud.io/platform-chat-api/user/whitelist/query-whitelist.
//
//rc:endpoint POST /user/whitelist/query.json
func (s *AllowlistService) List(ctx context.Context, ownerID string, cursor CursorOptions) (Page, error) {
	return listPage(ctx, (*service)(s), listAllowlist, ownerID, cursor)
}

// All returns an iterator over the owner's allowlist, newest first. It calls [AllowlistService.List] for 1000 ids at
// a time, up to the page without a Next, and starts again from the first page every time it is ranged over. The first
// error ends it and is yielded once, with an empty id. Pages that repeat without end are such an error, though ids
// may have been yielded several times before it is found.
func (s *AllowlistService) All(ctx context.Context, ownerID string) iter.Seq2[string, error] {
	return allCursors(listAllowlist, func(cursor CursorOptions) (Page, error) {
		return s.List(ctx, ownerID, cursor)
	})
}

// Replace makes the owner's allowlist equal to want. Order, limits, errors and concurrent changes are as in
// [BlocklistService.Replace]. RC requires the owner's allowlist to be enabled if users are to be added, see
// [AllowlistService.Enable].
func (s *AllowlistService) Replace(ctx context.Context, ownerID string, want []string) (Change, error) {
	return replaceList(ctx, s, "allowlist", ownerID, want)
}

// Plan returns the Change that [AllowlistService.Replace] would make now, and checks the arguments in the same way.
// It reads the list and changes nothing.
func (s *AllowlistService) Plan(ctx context.Context, ownerID string, want []string) (Change, error) {
	return planList(ctx, s, ownerID, want)
}

// Contains reports whether a user is on the owner's allowlist, whether the allowlist is enabled or not. RC has no
// endpoint for that: Contains reads the list with [AllowlistService.All], newest first, until it finds the user. The
// answer may be wrong for a user who is added or removed meanwhile.
func (s *AllowlistService) Contains(ctx context.Context, ownerID, userID string) (bool, error) {
	return listContains(ctx, s, ownerID, userID)
}
