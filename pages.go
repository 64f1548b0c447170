package rcuser

import (
	"fmt"
	"iter"
	"slices"
)

// PageOptions choose a page of a list whose pages are numbered from 1. The zero value is RC's default; a Size
// alone means page 1, a Page alone means pages of RC's default size, 50.
type PageOptions struct{ Page, Size int }

// check allows sizes up to most; 0 means that RC documents no limit.
func (o PageOptions) check(most int) error {
	switch {
	case o.Page < 0:
		return argumentErrorf("PageOptions.Page", "%d is negative", o.Page)
	case o.Size < 0:
		return argumentErrorf("PageOptions.Size", "%d is negative", o.Size)
	case most > 0 && o.Size > most:
		return argumentErrorf("PageOptions.Size", "%d, at most %d is allowed", o.Size, most)
	}
	return nil
}

// page is the number to send; 0 means none.
func (o PageOptions) page() int {
	if o.Page == 0 && o.Size > 0 {
		return 1
	}
	return o.Page
}

// allPages goes through numbered pages until one is shorter than asked for.
func allPages[T comparable](ep endpoint, size int, list func(PageOptions) ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var before []T
		for number := 1; ; number++ {
			page, err := list(PageOptions{Page: number, Size: size})
			if err == nil && len(page) > 0 && slices.Equal(page, before) {
				err = standstill(ep, fmt.Sprintf("page %d repeats the one before it", number))
			}
			if !yieldPage(page, err, yield) || len(page) < size {
				return
			}
			before = page
		}
	}
}

// CursorOptions choose a page of a list whose pages each name the next. The zero value is the first page of RC's
// default size, 1000, which is the largest too.
type CursorOptions struct {
	Token string // the Next of the page before
	Size  int
}

// Page is a part of a list.
type Page struct {
	UserIDs []string
	Next    string // the Token of the next page; "" on the last
}

// allCursors goes from page to page until one names no next.
func allCursors(ep endpoint, list func(CursorOptions) (Page, error)) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		var cursor CursorOptions
		seen := map[string]bool{}
		for {
			page, err := list(cursor)
			if !yieldPage(page.UserIDs, err, yield) || page.Next == "" {
				return
			}
			if seen[page.Next] {
				yield("", standstill(ep, "a page names one as next that was read already"))
				return
			}
			seen[page.Next] = true
			cursor.Token = page.Next
		}
	}
}

// yieldPage yields the items, or err once; false means that the iteration is over.
func yieldPage[T any](items []T, err error, yield func(T, error) bool) bool {
	if err != nil {
		var none T
		yield(none, err)
		return false
	}
	for _, item := range items {
		if !yield(item, nil) {
			return false
		}
	}
	return true
}

// standstill is for pages that would never end.
func standstill(ep endpoint, reason string) error {
	return &Error{Endpoint: ep.path, StatusCode: 200, Attempts: 1, Err: fmt.Errorf("broken answer: %s", reason)}
}
