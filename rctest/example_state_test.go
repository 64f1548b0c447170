package rctest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// A test connects a device as the app would, and sees why it is refused.
func ExampleServer_Connect() {
	srv := rctest.NewServer()
	client, err := rcuser.NewClient(srv.Config())
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	token, err := client.Users.Register(ctx, rcuser.Registration{UserID: "ann", Name: "Ann"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(srv.Connect(token.Value), srv.User("ann").Online)
	if err := client.Bans.Add(ctx, []string{"ann"}, 30*time.Minute); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(errors.Is(srv.Connect(token.Value), rctest.ErrBanned), srv.User("ann").Online)
	for p := range srv.Pending() {
		srv.Advance(p.Due.Sub(srv.Now()))
	}
	fmt.Println(srv.Connect(token.Value))
	// Output:
	// <nil> true
	// true false
	// <nil>
}

// What is costly to set up is set up once, and imported by every test.
func ExampleServer_Import() {
	prepared := rctest.NewServer()
	for i := range 1000 {
		prepared.SetOnline(fmt.Sprint("user", i), true)
	}
	var saved bytes.Buffer
	if err := prepared.Export(&saved); err != nil {
		fmt.Println(err)
		return
	}
	srv := rctest.NewServer()
	if err := srv.Import(&saved); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(srv.User("user999").Online)
	// Output: true
}
