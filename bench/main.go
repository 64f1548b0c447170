// Bench compares the SDK with A, a minimal hand-written client, side by side within one run, and prints ratios.
//
//	cd bench && go run . [-rounds 10] [-time 200ms]
package main

import (
	"flag"
	"fmt"
	"os"
	"testing"
	"time"
)

func main() {
	testing.Init()
	rounds := flag.Int("rounds", 10, "number of rounds; in each, both sides run once, in alternating order")
	length := flag.Duration("time", 200*time.Millisecond, "approximate length of one run")
	flag.Parse()
	if *rounds < 1 || *length <= 0 {
		fmt.Fprintln(os.Stderr, "bench: -rounds and -time must be positive")
		os.Exit(2)
	}
	setBenchTime(length.String())
	inMemory(*rounds)
	overPipes(*rounds)
	overLoopback(*rounds, *length)
	connections()
	overTLS()
	bulk(*rounds)
	fakes(*rounds)
	setBenchTime(length.String())
	webhooks(*rounds, *length)
}

// setBenchTime sets how long the benchmarks that follow run: a duration or, like "1000x", a number of operations.
func setBenchTime(value string) {
	if err := flag.Set("test.benchtime", value); err != nil {
		panic(err)
	}
}
