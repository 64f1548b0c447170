// Tokenserver is the backend of a chat app on RC: it gives tokens to the users, tracks who is online, and deletes accounts.
//
//	go run .
//
// uses a fake RC inside the program, and serves a demo page at http://127.0.0.1:8080. With RC_APP_KEY, RC_APP_SECRET and
// RC_DATA_CENTER set it uses the real service instead; the README lists the other settings.
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

// run runs the program until ctx ends, and logs the error that it returns.
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
		defer func() { _ = os.RemoveAll(dir) }() // best effort: the operating system cleans up temporary files too
		s.database = filepath.Join(dir, defaultDatabase)
	}
	return serve(ctx, s, log)
}
