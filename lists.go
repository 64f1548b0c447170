package rcuser

import (
	"context"
	"iter"
)

const (
	maxListed   = 3000 // ids on a blocklist or an allowlist; some of RC's plans allow fewer
	maxListPage = 1000
)

type cursorForm struct {
	OwnerID formString `url:"userId"`
	Token   formString `url:"pageToken,omitempty"`
	Size    int        `url:"size,omitempty"`
}

type pageAnswer struct {
	envelope
	UserIDs looseList[looseString] `json:"users"`
	Next    looseCursor            `json:"next"`
}

func (a pageAnswer) page() (Page, error) {
	ids, err := listedIDs(a.UserIDs)
	switch {
	case err != nil:
		return Page{}, err
	case a.Next.unreadable: // the rest of the list would be lost
		return Page{}, unreadableField("next")
	}
	return Page{withoutZero(ids), string(a.Next.token)}, nil
}

// listPage implements List of both services.
func listPage(ctx context.Context, s *service, ep endpoint, ownerID string, cursor CursorOptions) (Page, error) {
	if err := checkID("ownerID", ownerID); err != nil {
		return Page{}, err
	}
	if cursor.Size < 0 || cursor.Size > maxListPage {
		return Page{}, argumentErrorf("CursorOptions.Size", "%d, it must be from 0 to %d", cursor.Size, maxListPage)
	}
	return call(ctx, s, ep, cursorForm{formString(ownerID), formString(cursor.Token), cursor.Size}, pageAnswer.page)
}

// checkListChange checks the arguments of Add and Remove of both services.
func checkListChange(ownerID string, userIDs []string) error {
	if err := checkID("ownerID", ownerID); err != nil {
		return err
	}
	return checkIDs("userIDs", userIDs, maxIDs)
}

// userList is what [BlocklistService] and [AllowlistService] have in common.
type userList interface {
	Add(ctx context.Context, ownerID string, userIDs []string) error
	Remove(ctx context.Context, ownerID string, userIDs []string) error
	All(ctx context.Context, ownerID string) iter.Seq2[string, error]
}

// listContains implements Contains of both services.
func listContains(ctx context.Context, list userList, ownerID, userID string) (bool, error) {
	if err := checkID("userID", userID); err != nil {
		return false, err
	}
	for id, err := range list.All(ctx, ownerID) {
		if err != nil {
			return false, err
		}
		if id == userID {
			return true, nil
		}
	}
	return false, nil
}
