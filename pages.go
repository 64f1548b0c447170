package rcuser

import (
	"fmt"
	"iter"
	"slices"
)

// PageOptions selects a page of a list whose pages are numbered from 1. The zero value sends neither field, so that
// RC's defaults apply. A Size alone means page 1; a Page alone means RC's default size, 50.
type PageOptions struct{ Page, Size int }

// check accepts sizes up to limit; 0 means that RC documents no limit.
func (o PageOptions) check(limit int) error {
	switch {
	case o.Page < 0:
		return argumentErrorf("PageOptions.Page", "%d is negative", o.Page)
	case o.Size < 0:
		return argumentErrorf("PageOptions.Size", "%d is negative", o.Size)
	case limit > 0 && o.Size > limit:
		return argumentErrorf("PageOptions.Size", "%d, at most %d is allowed", o.Size, limit)
	}
	return nil
}

// page returns the page number to send; 0 means that none is sent.
func (o PageOptions) page() int {
	if o.Page == 0 && o.Size > 0 {
		return 1
	}
	return o.Page
}

// allPages returns an iterator over the items of numbered pages, up to the first page that is shorter than size.
func allPages[T comparable](ep endpoint, size int, list func(PageOptions) ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var before []T
		for number := 1; ; number++ {
			page, err := list(PageOptions{Page: number, Size: size})
			if err == nil && len(page) > 0 && slices.Equal(page, before) {
				err = noProgress(ep, fmt.Sprintf("page %d repeats the one before it", number))
			}
			if !yieldPage(page, err, yield) || len(page) < size {
				return
			}
			before = page
		}
	}
}

// CursorOptions selects a page of a list in which each page has the token of the next. The zero value selects the
// first page with RC's default size, 1000, which is also the largest.
type CursorOptions struct {
	Token string // the Next of the previous page; "" for the first
	Size  int    // at most 1000; 0 for the default
}

// Page is one page of a list of user ids.
type Page struct {
	UserIDs []string
	Next    string // the Token of the next page; "" on the last
}

// allCursors returns an iterator over the ids of all pages, up to the first page without a Next.
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
				yield("", noProgress(ep, "a page token came twice"))
				return
			}
			seen[page.Next] = true
			cursor.Token = page.Next
		}
	}
}

// yieldPage yields the items or, once, err. It returns false if the iteration is over.
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

// noProgress is the error for a listing that repeats itself and would never end.
func noProgress(ep endpoint, reason string) error {
	return &Error{Endpoint: ep.path, StatusCode: 200, Attempts: 1, Err: fmt.Errorf("broken answer: %s", reason)}
}
