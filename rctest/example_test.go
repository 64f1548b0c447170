package rctest_test

import (
	"context"
	"fmt"
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
