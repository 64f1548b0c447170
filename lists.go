package rcuser

import (
	"context"
	"fmt"
	"iter"
	"slices"
)

// Change is what Replace changed in a list, or what it would change according to Plan. It contains no id twice. A
// slice without ids is nil.
type Change struct {
	Added   []string // in the order of want
	Removed []string // in the list's order, newest first
}

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

// replaceList implements Replace of both services.
func replaceList(ctx context.Context, list userList, ownerID string, want iter.Seq[string]) (Change, error) {
	plan, length, err := compareList(ctx, list, ownerID, want)
	if err != nil {
		return Change{}, err
	}
	var done Change
	first := func() error { return inBatches(ctx, list.Add, ownerID, plan.Added, &done.Added) }
	second := func() error { return inBatches(ctx, list.Remove, ownerID, plan.Removed, &done.Removed) }
	if length+len(plan.Added) > maxListed {
		first, second = second, first
	}
	if err = first(); err == nil {
		err = second()
	}
	return done, err
}

// planList implements Plan of both services.
func planList(ctx context.Context, list userList, ownerID string, want iter.Seq[string]) (Change, error) {
	plan, _, err := compareList(ctx, list, ownerID, want)
	return plan, err
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

// compareList returns the change that makes the list equal to want, and the list's length.
func compareList(ctx context.Context, list userList, ownerID string, want iter.Seq[string]) (Change, int, error) {
	if err := checkID("ownerID", ownerID); err != nil {
		return Change{}, 0, err
	}
	wanted, isWanted, err := wantedIDs(ctx, want)
	if err != nil {
		return Change{}, 0, err
	}
	var plan Change
	isListed := make(map[string]bool, len(wanted))
	for id, err := range list.All(ctx, ownerID) {
		if err != nil {
			return Change{}, 0, err
		}
		if !isListed[id] && !isWanted[id] { // a list that changes between two pages may contain an id twice
			plan.Removed = append(plan.Removed, id)
		}
		isListed[id] = true
	}
	for _, id := range wanted {
		if !isListed[id] {
			plan.Added = append(plan.Added, id)
		}
	}
	return plan, len(isListed), nil
}

// wantedIDs returns the ids of want without duplicates, in order and as a set.
func wantedIDs(ctx context.Context, want iter.Seq[string]) ([]string, map[string]bool, error) {
	if want == nil {
		return nil, nil, &ArgumentError{"want", "is nil"}
	}
	var ids []string
	set := map[string]bool{}
	position := 0
	for id := range want {
		if ctx != nil && ctx.Err() != nil {
			break // the call that reads the list returns the context's error
		}
		if problem := idProblem(id); problem != "" {
			return nil, nil, &ArgumentError{fmt.Sprintf("want[%d]", position), problem}
		}
		position++
		if set[id] {
			continue
		}
		if len(ids) == maxListed {
			return nil, nil, argumentErrorf("want", "more than %d ids, at most %d are allowed", maxListed, maxListed)
		}
		ids, set[id] = append(ids, id), true
	}
	return ids, set, nil
}

// inBatches calls change for at most 20 ids at a time, until the first error. It appends the ids of each call that
// succeeded to done.
func inBatches(
	ctx context.Context, change func(context.Context, string, []string) error, ownerID string, ids []string, done *[]string,
) error {
	for batch := range slices.Chunk(ids, maxIDs) {
		if err := change(ctx, ownerID, batch); err != nil {
			return err
		}
		*done = append(*done, batch...)
	}
	return nil
}
