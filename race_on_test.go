//go:build race

package rcuser_test

const raceDetector = true
