package rctest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

func ExampleNewServer() {
	srv := rctest.NewServer()
	defer srv.Close()
	client, err := rcuser.NewClient(srv.Config())
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()

	token, err := client.Users.Register(ctx, rcuser.Registration{UserID: "u1", Name: "Ann"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("may connect:", srv.ValidToken("u1", token.Value))
	if err := client.Bans.Add(ctx, []string{"u1"}, 30*time.Minute); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("banned:", srv.ValidToken("u1", token.Value))
	srv.Advance(31 * time.Minute)
	fmt.Println("later:", srv.ValidToken("u1", token.Value))
	// Output:
	// may connect: true
	// banned: false
	// later: true
}

func ExampleServer_Inject() {
	srv := rctest.NewServer()
	defer srv.Close()
	client, err := rcuser.NewClient(srv.Config()) // whose waits are short
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()

	srv.Inject(rctest.Fault{Kind: rctest.RefuseConnection, Host: rctest.PrimaryHost})
	srv.Inject(rctest.Fault{Endpoint: "/user/block.json", Status: 502, Body: "<html>bad gateway</html>"})
	fmt.Println("error:", client.Bans.Add(ctx, []string{"u1"}, time.Hour))
	for _, r := range srv.Requests() {
		fmt.Println(r.Status, "applied:", r.Applied)
	}

	srv.Inject(rctest.Fault{Kind: rctest.LostAnswer, Times: rctest.Always})
	err = client.Bans.Remove(ctx, []string{"u1"})
	if failed, ok := errors.AsType[*rcuser.Error](err); ok {
		fmt.Println("outcome:", failed.Outcome)
	}
	fmt.Println("banned:", !srv.User("u1").BannedUntil.IsZero())
	// Output:
	// error: <nil>
	// 502 applied: false
	// 200 applied: true
	// outcome: unknown
	// banned: false
}

func ExampleServer_SetWebhook() {
	srv := rctest.NewServer()
	defer srv.Close()
	srv.SetWebhook(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		form, err := url.ParseQuery(string(body))
		fmt.Println(form.Get("userId"), "deactivated:", form.Get("type") == "0" && form.Get("code") == "0", err)
	}))
	client, err := rcuser.NewClient(srv.Config())
	if err != nil {
		fmt.Println(err)
		return
	}

	if _, err := client.Users.Deactivate(context.Background(), []string{"u1"}); err != nil {
		fmt.Println(err)
		return
	}
	srv.Advance(15 * time.Minute) // the time a deactivation takes
	srv.WaitDeliveries()
	fmt.Println("posts:", len(srv.Deliveries()))
	// Output:
	// u1 deactivated: true <nil>
	// posts: 1
}
