package rcuser

import (
	"errors"
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

// allPages returns an iterator over the items of numbered pages, up to the first empty page. A shorter one isn't the end:
// RC may return fewer items than asked for. list returns the zero item for an entry that can't be read; it isn't yielded.
func allPages[T comparable](ep endpoint, size int, list func(PageOptions) ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		// One page that equals an earlier one is no proof: items that were added meanwhile may have moved it.
		cycle := cycleDetector[[]T]{equal: slices.Equal[[]T], needed: 2}
		for number := 1; ; number++ {
			page, err := list(PageOptions{Page: number, Size: size})
			if err == nil && cycle.add(page) {
				err = noProgress(ep, fmt.Sprintf("page %d repeats earlier pages", number))
			}
			if !yieldPage(page, err, yield) || len(page) == 0 {
				return
			}
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
	UserIDs []string // may be empty, also if there is a next page
	Next    string   // the Token of the next page; "" on the last
}

// allCursors returns an iterator over the ids of all pages, up to the first page without a Next.
func allCursors(ep endpoint, list func(CursorOptions) (Page, error)) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		cycle := cycleDetector[string]{equal: func(a, b string) bool { return a == b }, needed: 1}
		pages := cycleDetector[[]string]{equal: slices.Equal[[]string], needed: 2} // the tokens may differ
		for token := ""; ; {
			if cycle.add(token) {
				yield("", noProgress(ep, "a page token came twice"))
				return
			}
			page, err := list(CursorOptions{Token: token})
			if len(page.UserIDs) > 0 && pages.add(page.UserIDs) {
				err = noProgress(ep, "a page repeats earlier pages")
			}
			if !yieldPage(page.UserIDs, err, yield) || page.Next == "" {
				return
			}
			token = page.Next
		}
	}
}

// cycleDetector finds a cycle of any length in a sequence, with the memory of one value. It is Brent's algorithm: values
// are compared with a reference, which is replaced after 1, 2, 4, 8 … comparisons.
type cycleDetector[T any] struct {
	equal     func(a, b T) bool
	needed    int // how many values must equal the reference
	reference T
	matches   int // how many did
	compared  int // how many were compared with it
	window    int // how many are; 0 before the first value
}

// add takes the next value and reports whether the sequence is in a cycle.
func (d *cycleDetector[T]) add(value T) bool {
	if d.window > 0 {
		d.compared++
		if d.equal(value, d.reference) {
			d.matches++
			d.window = max(d.window, d.needed*d.compared) // long enough for the matches that are needed
		}
	}
	if d.matches == d.needed {
		return true
	}
	if d.compared == d.window {
		d.reference, d.window = value, max(1, 2*d.window)
		d.matches, d.compared = 0, 0
	}
	return false
}

// yieldPage yields the items but zero ones or, once, err. It returns false if the iteration is over.
func yieldPage[T comparable](items []T, err error, yield func(T, error) bool) bool {
	var zero T
	if err != nil {
		yield(zero, err)
		return false
	}
	for _, item := range items {
		if item != zero && !yield(item, nil) {
			return false
		}
	}
	return true
}

// withoutZero removes the items of entries that can't be read.
func withoutZero[T comparable](items []T) []T {
	var zero T
	return slices.DeleteFunc(items, func(item T) bool { return item == zero })
}

// noProgress is the error for a listing that repeats itself and would never end.
func noProgress(ep endpoint, reason string) error {
	return &Error{Endpoint: ep.path, StatusCode: 200, Attempts: 1, Err: brokenSuccess{errors.New(reason)}}
}
