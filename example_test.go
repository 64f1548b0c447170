package rcuser_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// connect returns a client and the fake that it calls.
func connect() (*rcuser.Client, *rctest.Server) {
	rc := rctest.NewServer()
	client, err := rcuser.NewClient(rc.Config())
	if err != nil {
		panic(err)
	}
	return client, rc
}

func ExampleUsersService() {
	client, rc := connect()
	defer rc.Close()
	ctx := context.Background()

	token, err := client.Users.Register(ctx, rcuser.Registration{UserID: "alice", Name: "Alice"})
	if err != nil {
		panic(err)
	}
	fmt.Println("a token prints without its value:", token)

	name := "Alice B."
	if err := client.Users.Update(ctx, "alice", rcuser.UserUpdate{Name: &name}); err != nil {
		panic(err)
	}
	user, err := client.Users.Get(ctx, "alice")
	if err != nil {
		panic(err)
	}
	fmt.Println("now called", user.Name)
	// Output:
	// a token prints without its value: {UserID:alice Value:[redacted]}
	// now called Alice B.
}

func ExampleUsersService_Deactivate() {
	client, rc := connect()
	defer rc.Close()
	ctx := context.Background()

	if _, err := client.Users.Deactivate(ctx, []string{"alice", "bob"}); err != nil {
		panic(err)
	}
	for id, err := range client.Users.AllDeactivated(ctx) {
		if err != nil {
			panic(err)
		}
		fmt.Println("deactivated:", id)
	}
	_, err := client.Users.Reactivate(ctx, []string{"alice"})
	fmt.Println("refused at once:", err != nil)
	rc.Advance(time.Hour)
	_, err = client.Users.Reactivate(ctx, []string{"alice"})
	fmt.Println("error an hour later:", err)
	// Output:
	// deactivated: alice
	// deactivated: bob
	// refused at once: true
	// error an hour later: <nil>
}

func ExampleTokensService() {
	client, rc := connect()
	defer rc.Close()
	ctx := context.Background()

	token, err := client.Users.Register(ctx, rcuser.Registration{UserID: "alice", Name: "Alice"})
	if err != nil {
		panic(err)
	}
	rc.Advance(time.Minute)
	if err := client.Tokens.Expire(ctx, []string{"alice"}, rc.Now()); err != nil {
		panic(err)
	}
	fmt.Println("valid:", rc.ValidToken("alice", token.Value))
	// Output: valid: false
}

func ExampleBansService() {
	client, rc := connect()
	defer rc.Close()
	ctx := context.Background()

	if err := client.Bans.Add(ctx, []string{"bob"}, 10*time.Minute); err != nil {
		panic(err)
	}
	for ban, err := range client.Bans.All(ctx) {
		if err != nil {
			panic(err)
		}
		fmt.Println("banned:", ban.UserID)
	}
	rc.Advance(10 * time.Minute)
	bans, err := client.Bans.List(ctx, rcuser.PageOptions{})
	fmt.Println("10 minutes later:", len(bans), err)
	// Output:
	// banned: bob
	// 10 minutes later: 0 <nil>
}

func ExampleBlocklistService() {
	client, rc := connect()
	defer rc.Close()
	ctx := context.Background()

	if err := client.Blocklist.Add(ctx, "alice", []string{"bob", "carol"}); err != nil {
		panic(err)
	}
	if err := client.Blocklist.Remove(ctx, "alice", []string{"carol"}); err != nil {
		panic(err)
	}
	for id, err := range client.Blocklist.All(ctx, "alice") {
		if err != nil {
			panic(err)
		}
		fmt.Println("can't message alice:", id)
	}
	fmt.Println("alice can message bob:", rc.CanMessage("alice", "bob"))
	// Output:
	// can't message alice: bob
	// alice can message bob: true
}

func ExampleAllowlistService() {
	client, rc := connect()
	defer rc.Close()
	ctx := context.Background()

	if err := client.Allowlist.Enable(ctx, []string{"alice"}); err != nil {
		panic(err)
	}
	if err := client.Allowlist.Add(ctx, "alice", []string{"bob"}); err != nil {
		panic(err)
	}
	enabled, err := client.Allowlist.Enabled(ctx, []string{"alice", "bob"})
	if err != nil {
		panic(err)
	}
	fmt.Println("allowlist on:", enabled)
	fmt.Println("bob can message alice:", rc.CanMessage("bob", "alice"))
	fmt.Println("carol can message alice:", rc.CanMessage("carol", "alice"))
	// Output:
	// allowlist on: map[alice:true bob:false]
	// bob can message alice: true
	// carol can message alice: false
}

func ExamplePresenceService() {
	client, rc := connect()
	defer rc.Close()

	rc.SetOnline("alice", true) // alice's device connects
	for _, id := range []string{"alice", "bob"} {
		online, err := client.Presence.Online(context.Background(), id)
		if err != nil {
			panic(err)
		}
		fmt.Println(id, online)
	}
	// Output:
	// alice true
	// bob false
}

func ExampleClient_Call() {
	client, rc := connect()
	defer rc.Close()

	var answer struct {
		Status string `json:"status"`
	}
	err := client.Call(context.Background(), rcuser.Request{Path: "/user/checkOnline.json", Form: url.Values{"userId": {"alice"}}}, &answer)
	fmt.Println(answer.Status, err)
	// Output: 0 <nil>
}

func ExampleError() {
	client, rc := connect()
	defer rc.Close()

	ctx := rcuser.WithRequestID(context.Background(), "my-trace-1")
	_, err := client.Users.Get(ctx, "nobody")
	fmt.Println(err)

	if failure, ok := errors.AsType[*rcuser.Error](err); ok {
		fmt.Println(failure.Code == rcuser.ErrParameter, failure.Outcome, failure.Retryable())
	}
	// Output:
	// rcuser: POST /user/info.json: 1002 ParamError:data is not exist. (HTTP 400, request my-trace-1, 1 attempt)
	// true not applied false
}

func ExampleArgumentError() {
	client, rc := connect()
	defer rc.Close()

	err := client.Bans.Add(context.Background(), []string{"bob"}, 90*time.Second)
	fmt.Println(err)
	// Output: rcuser: duration: 1m30s, it must be whole minutes
}
