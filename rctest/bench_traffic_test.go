package rctest_test

import (
	"fmt"
	"testing"
)

// The cost of a call must not depend on how many requests are remembered.
func BenchmarkCallRemembered(b *testing.B) {
	for _, remembered := range []int{0, 10_000} {
		b.Run(fmt.Sprint(remembered), func(b *testing.B) {
			f := setup(b)
			for range remembered {
				f.call(blockPath, banForm)
			}
			for b.Loop() {
				f.call(blockPath, banForm)
			}
		})
	}
}

// Nor does that of reading the requests of one call.
func BenchmarkRequestsSince(b *testing.B) {
	f := setup(b)
	for range 10_000 {
		f.call(blockPath, banForm)
	}
	for b.Loop() {
		f.RequestsSince(9_999, 100)
	}
}
