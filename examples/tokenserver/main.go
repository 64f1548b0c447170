// Tokenserver is the backend of an app that chats over RC: its users get their tokens here, it knows who is online, and
// it closes accounts.
//
//	go run .
//
// runs it on a fake RC inside the program, with a page at http://127.0.0.1:8080 to look at and to play with. With
// RC_APP_KEY, RC_APP_SECRET and RC_DATA_CENTER set it talks to the real service instead; the README has the other
// settings.
package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	err := run(ctx, os.Stderr)
	stop()
	if err != nil {
		os.Exit(1)
	}
}

// run is the program. What ends it early is logged like everything else.
func run(ctx context.Context, logs io.Writer) (err error) {
	log := slog.New(slog.NewJSONHandler(logs, nil))
	defer func() {
		if err != nil {
			log.Error("failed", "error", err)
		}
	}()
	s, err := settingsFromEnv()
	if err != nil {
		return err
	}
	if s.fake != nil {
		defer s.fake.Close()
	}
	if s.database == "" {
		dir, err := os.MkdirTemp("", "tokenserver")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }() // else the system does it some day
		s.database = filepath.Join(dir, defaultDatabase)
	}
	return serve(ctx, s, log)
}
