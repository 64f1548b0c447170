package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

const (
	fakeUsers  = 1_000_000
	fakeTokens = 100_000 // of one user
	fullLog    = 50_000  // requests: more than a server remembers
)

// fakes measures package rctest.
func fakes(rounds int) {
	fakeHeap()
	fakeTokenTimes(rounds)
	fakeLock(rounds)
}

// newFake returns a server that remembers as many requests as it will, so that its memory doesn't grow by them any more,
// and a client of it.
func newFake() (*rctest.Server, *rcuser.Client) {
	srv := rctest.NewServer()
	client, err := rcuser.NewClient(srv.Config())
	if err != nil {
		panic(err)
	}
	for range fullLog {
		if err := client.Bans.Remove(context.Background(), banIDs); err != nil {
			panic(err)
		}
	}
	return srv, client
}

func register(client *rcuser.Client, id string) string {
	token, err := client.Users.Register(context.Background(), rcuser.Registration{
		UserID: id, Name: "Ann " + id[:2], PortraitURI: "https://example.com/portraits/" + id + ".png",
	})
	if err != nil {
		panic(err)
	}
	return token.Value
}

// fakeHeap measures what a user costs that is registered, and nothing else.
func fakeHeap() {
	srv, client := newFake()
	before := liveHeap()
	for i := range fakeUsers {
		register(client, fmt.Sprintf("u%09d", i))
	}
	used := liveHeap() - before
	fmt.Printf("fake, %d registered users: %d MiB of live heap, %d bytes a user\n", fakeUsers, used>>20, used/fakeUsers)
	runtime.KeepAlive(srv)
}

func liveHeap() uint64 {
	runtime.GC()
	runtime.GC() // what finalizers freed
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// fakeTokenTimes compares a user with fakeTokens tokens with one that has a single token. A further token of the latter
// is measured with a new user in every run, which then has as many tokens as a run has calls.
func fakeTokenTimes(rounds int) {
	srv, client := newFake()
	one, first := register(client, "one0000000"), ""
	for range fakeTokens {
		first = register(client, "many000000")
	}
	check := func(id, token string) func(*testing.B) {
		return func(b *testing.B) {
			for b.Loop() {
				if !srv.ValidToken(id, token) {
					panic("the token of " + id + " is void")
				}
			}
		}
	}
	c := compare(rounds, check("one0000000", one), check("many000000", first))
	fmt.Printf("fake, ValidToken with %d tokens: time %.2f of that with 1\n", fakeTokens, c.time)

	setBenchTime("1000x")
	runs := 0
	c = compare(
		rounds,
		func(b *testing.B) {
			runs++
			id := fmt.Sprintf("few%07d", runs)
			for b.Loop() {
				register(client, id)
			}
		},
		func(b *testing.B) {
			for b.Loop() {
				register(client, "many000000")
			}
		},
	)
	fmt.Printf("fake, a further token with %d tokens: time %.2f of that with few\n", fakeTokens, c.time)
}

// fakeLock shows for how long reading the log of requests keeps calls waiting: the longest call of a round, while another
// goroutine reads and while it does something else. The server has one lock, which every call needs. Of all rounds it is
// the one with the shortest longest call: the machine's other work makes calls longer, but what the lock costs is in
// every round.
func fakeLock(rounds int) {
	srv, _ := newFake()
	goroutines := []struct {
		name string
		do   func()
	}{
		{"RequestsSince reads a page", func() { _, _ = srv.RequestsSince(0, 1000) }},
		{"Requests reads all", func() { _ = srv.Requests() }},
		{"nothing is read", func() { time.Sleep(time.Millisecond) }},
	}
	longest := make([][]float64, len(goroutines))
	for round := range rounds {
		for i := range goroutines {
			at := (i + round) % len(goroutines)
			longest[at] = append(longest[at], longestCall(srv, goroutines[at].do))
		}
	}
	for i, g := range goroutines {
		fmt.Printf("fake, longest call while %s: %.2f ms\n", g.name, slices.Min(longest[i]))
	}
}

// longestCall calls the server until other has run 20 times at the same time. It returns milliseconds.
func longestCall(srv *rctest.Server, other func()) float64 {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 20 {
			other()
		}
	}()
	var longest time.Duration
	for {
		select {
		case <-done:
			return float64(longest) / float64(time.Millisecond)
		default:
		}
		start := time.Now()
		srv.User("nobody")
		longest = max(longest, time.Since(start))
	}
}
