package rctest

import "slices"

// endpoint is one path of the service.
type endpoint struct {
	path       string
	handle     func(*state, *params) (fields, *refusal)
	rate       int  // calls per second or, if perID, ids per second
	perID      bool // the rate counts the ids in userId, which commas join
	allowEmpty bool // a request without fields is accepted
}

// newEndpoints returns all endpoints by path. Each resource lists its own in its file.
func newEndpoints() map[string]*endpoint {
	all := slices.Concat(
		userEndpoints(), tokenEndpoints(), banEndpoints(), blocklistEndpoints(), allowlistEndpoints(), presenceEndpoints(),
	)
	byPath := make(map[string]*endpoint, len(all))
	for i := range all {
		byPath[all[i].path] = &all[i]
	}
	return byPath
}
