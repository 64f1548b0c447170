package rctest

import "fmt"

// changesPage reports whether a list's page is another one than without the fault.
func (f *Fault) changesPage() bool { return f.PageSize != 0 || f.PageOmits != 0 }

func (f *Fault) pageProblem() string {
	switch {
	case f.PageSize < 0:
		return fmt.Sprintf("PageSize %d is negative", f.PageSize)
	case f.PageOmits < 0:
		return fmt.Sprintf("PageOmits %d is negative", f.PageOmits)
	case f.changesPage() && f.replacesAnswer():
		return "PageSize or PageOmits is set, but the answer isn't the list's"
	}
	return ""
}

// pageSize returns the size of a list's page: size, unless the fault limits it.
func (p *params) pageSize(size int64) int64 {
	if limit := int64(p.fault.PageSize); limit > 0 {
		return min(size, limit)
	}
	return size
}

// pageItems returns the items of a list's page without those that the fault omits.
func pageItems[T any](p *params, items []T) []T {
	return items[:max(0, len(items)-p.fault.PageOmits)]
}
