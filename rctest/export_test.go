package rctest

import (
	"maps"
	"slices"
)

// Paths returns the path of every endpoint, sorted, for tests that call all of them.
func Paths() []string { return slices.Sorted(maps.Keys(newEndpoints())) }
