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

// newOperations returns Operations that get the webhooks of the fake RC.
func newOperations(srv *rctest.Server, config rcuser.Config) (*webhook.Operations, error) {
	client, err := rcuser.NewClient(config)
	if err != nil {
		return nil, err
	}
	ops, err := webhook.NewOperations(client, webhook.OperationsOptions{})
	if err != nil {
		return nil, err
	}
	h, err := webhook.NewHandler(webhook.Config{
		Credentials:    webhook.StaticCredentials(srv.Credentials()),
		OnDeactivation: ops.Handle,
	})
	srv.SetWebhook(h)
	return ops, err
}

func ExampleOperations_Wait() {
	srv := rctest.NewServer()
	defer srv.Close()
	ops, err := newOperations(srv, srv.Config())
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 25*time.Minute)
	defer cancel()

	srv.RefuseDeactivation("bob", "24410")
	users := []string{"alice", "bob"}
	op, err := ops.Deactivate(ctx, users)
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

func ExampleOperations_DeactivateAndWait() {
	srv := rctest.NewServer()
	defer srv.Close()
	config := srv.Config()
	config.OnCall = func(context.Context, rcuser.CallInfo) {
		srv.Advance(15 * time.Minute) // RC takes up to 15 minutes
	}
	ops, err := newOperations(srv, config)
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 25*time.Minute)
	defer cancel()
	results, err := ops.DeactivateAndWait(ctx, []string{"alice"})
	fmt.Println("done:", results["alice"].Done(), "error:", err)
	// Output:
	// done: true error: <nil>
}

// Deactivate 1,000 users and wait for all results.
func ExampleTracker() {
	srv := rctest.NewServer()
	defer srv.Close()
	config := srv.Config()
	config.Limiter = rcuser.NoLimit // the fake has none; with RC, 1,000 users take 10 seconds
	client, err := rcuser.NewClient(config)
	if err != nil {
		fmt.Println(err)
		return
	}
	ops, err := newOperations(srv, config)
	if err != nil {
		fmt.Println(err)
		return
	}
	srv.RefuseDeactivation("user500", "24410")
	ids := func(yield func(string, error) bool) { // from a database, for instance
		for i := range 1000 {
			if !yield(fmt.Sprint("user", i), nil) {
				return
			}
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()

	tracker := ops.Track(webhook.Deactivation)
	defer tracker.Stop()
	report, err := client.Bulk.Deactivate(ctx, ids, rcuser.BulkOptions{OnOperation: tracker.Started})
	fmt.Printf("RC accepted %d of %d users, error: %v\n", report.Done, report.Total, err)

	srv.Advance(15 * time.Minute) // RC takes up to 15 minutes
	results, err := tracker.Wait(ctx)
	if err != nil {
		fmt.Println(err) // a *webhook.WaitError: some users have no result
	}
	done := 0
	for user, result := range results {
		if result.Done() {
			done++
		} else {
			fmt.Printf("%s: code %s\n", user, result.Code)
		}
	}
	fmt.Printf("%d of %d users are deactivated\n", done, len(results))
	// Output:
	// RC accepted 1000 of 1000 users, error: <nil>
	// user500: code 24410
	// 999 of 1000 users are deactivated
}

func ExampleOperations_Reactivate() {
	srv := rctest.NewServer()
	defer srv.Close()
	ops, err := newOperations(srv, srv.Config())
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
