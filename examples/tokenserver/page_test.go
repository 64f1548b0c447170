package main

import "testing"

// TestPage runs all tests of the page in one browser, each in a tab of its own.
func TestPage(t *testing.T) {
	b := openBrowser(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *browser)
	}{
		{"fits", testPageFits},
		{"isolates names", testPageIsolatesNames},
		{"screenshots", testPageScreenshots},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, b) })
	}
}
