package rcuser_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

func ExampleBlocklistService_Replace() {
	client, rc := connect()
	defer rc.Close()
	ctx := context.Background()

	if err := client.Blocklist.Add(ctx, "alice", []string{"bob", "carol"}); err != nil {
		panic(err)
	}
	want := []string{"carol", "dave"} // from the app's database
	done, err := client.Blocklist.Replace(ctx, "alice", want)
	fmt.Println("added:", done.Added, "removed:", done.Removed, err)
	fmt.Println("dave can message alice:", rc.CanMessage("dave", "alice"))
	// Output:
	// added: [dave] removed: [bob] <nil>
	// dave can message alice: false
}

func ExampleBlocklistService_Replace_refused() {
	client, rc := connect()
	defer rc.Close()
	rc.Inject(rctest.Fault{UserID: "bob", Code: 1002, Times: rctest.Always})

	done, err := client.Blocklist.Replace(context.Background(), "alice", []string{"bob", "carol", "dave"})
	fmt.Println("added:", done.Added)
	if failure, ok := errors.AsType[*rcuser.BulkError](err); ok {
		for _, f := range failure.Report.Failures {
			fmt.Println(f.UserID, f.State)
		}
	}
	// Output:
	// added: [carol dave]
	// bob failed
}

func ExampleBlocklistService_Plan() {
	client, rc := connect()
	defer rc.Close()
	ctx := context.Background()

	if err := client.Blocklist.Add(ctx, "alice", []string{"bob", "carol"}); err != nil {
		panic(err)
	}
	plan, err := client.Blocklist.Plan(ctx, "alice", []string{"carol", "dave"})
	if err != nil {
		panic(err)
	}
	fmt.Println("to add:", plan.Added, "to remove:", plan.Removed)
	fmt.Println("still on the list:", rc.User("alice").Blocklist)
	// Output:
	// to add: [dave] to remove: [bob]
	// still on the list: [carol bob]
}

func ExampleAllowlistService_Contains() {
	client, rc := connect()
	defer rc.Close()
	ctx := context.Background()

	if err := client.Allowlist.Add(ctx, "alice", []string{"bob"}); err != nil {
		panic(err)
	}
	for _, id := range []string{"bob", "carol"} {
		found, err := client.Allowlist.Contains(ctx, "alice", id)
		if err != nil {
			panic(err)
		}
		fmt.Println(id, found)
	}
	// Output:
	// bob true
	// carol false
}
