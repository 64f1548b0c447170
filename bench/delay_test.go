package main

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

func TestForwardDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sender, from := net.Pipe()
		to, receiver := net.Pipe()
		go forward(to, from, 15*time.Millisecond)
		start := time.Now()
		go func() {
			_, _ = io.WriteString(sender, "a")
			time.Sleep(5 * time.Millisecond)
			_, _ = io.WriteString(sender, "b")
			time.Sleep(20 * time.Millisecond)
			_ = sender.Close()
		}()
		expectRead(t, receiver, "a", start, 15*time.Millisecond)
		expectRead(t, receiver, "b", start, 20*time.Millisecond)
		if n, err := receiver.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Fatalf("got %d bytes and %v, want the end", n, err)
		}
		if took := time.Since(start); took != 40*time.Millisecond {
			t.Fatalf("closed after %v, want 40ms", took)
		}
	})
}

// expectRead fails the test unless want is what comes next, at exactly this time since start.
func expectRead(t *testing.T, from io.Reader, want string, start time.Time, at time.Duration) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(from, got); err != nil || string(got) != want {
		t.Fatalf("read %q and %v, want %q", got, err, want)
	}
	if took := time.Since(start); took != at {
		t.Fatalf("%q arrived after %v, want %v", want, took, at)
	}
}

// A connection whose receiver has gone is closed at its other side too.
func TestForwardEndsWithItsReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sender, from := net.Pipe()
		to, receiver := net.Pipe()
		go forward(to, from, 15*time.Millisecond)
		_ = receiver.Close()
		if _, err := io.WriteString(sender, "a"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Millisecond)
		synctest.Wait()
		if _, err := io.WriteString(sender, "b"); !errors.Is(err, io.ErrClosedPipe) {
			t.Fatalf("got %v, want %v", err, io.ErrClosedPipe)
		}
	})
}
