package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
	"github.com/f0207b22/rcuser/webhook"
)

// newOperations returns a client of the fake RC, and Operations that get its webhooks.
func newOperations(srv *rctest.Server) (*rcuser.Client, *webhook.Operations, error) {
	client, err := rcuser.NewClient(srv.Config())
	if err != nil {
		return nil, nil, err
	}
	ops, err := webhook.NewOperations(client, webhook.OperationsOptions{})
	if err != nil {
		return nil, nil, err
	}
	h, err := webhook.NewHandler(webhook.Config{
		Credentials:    webhook.StaticCredentials(srv.Credentials()),
		OnDeactivation: ops.Handle,
	})
	srv.SetWebhook(h)
	return client, ops, err
}

func ExampleOperations_Wait() {
	srv := rctest.NewServer()
	defer srv.Close()
	client, ops, err := newOperations(srv)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()

	srv.RefuseDeactivation("bob", "24410")
	users := []string{"alice", "bob"}
	op, err := client.Users.Deactivate(ctx, users)
	if err != nil {
		fmt.Println(err)
		return
	}
	srv.Advance(15 * time.Minute) // RC takes up to 15 minutes
	results, err := ops.Wait(ctx, op, users)
	if err != nil {
		fmt.Println(err) // a *webhook.WaitError: some users have no result
	}
	for _, user := range users {
		fmt.Printf("%s: done: %t, code %s\n", user, results[user].Done(), results[user].Code)
	}
	// Output:
	// alice: done: true, code 0
	// bob: done: false, code 24410
}

func ExampleOperations_Reactivate() {
	srv := rctest.NewServer()
	defer srv.Close()
	_, ops, err := newOperations(srv)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	if _, err := ops.Deactivate(ctx, []string{"alice"}); err != nil {
		fmt.Println(err)
		return
	}
	_, err = ops.Reactivate(ctx, []string{"alice"})
	if early, ok := errors.AsType[*webhook.TooEarlyError](err); ok {
		fmt.Println("possible in", time.Until(early.NotBefore).Round(time.Minute))
	}
	srv.Advance(time.Hour)
	_, err = ops.Reactivate(ctx, []string{"alice"})
	fmt.Println("an hour later:", err)
	// Output:
	// possible in 1h0m0s
	// an hour later: <nil>
}
