package main

import (
	"context"
	"fmt"
	"log"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

func main() {
	rc := rctest.NewServer()                     // a fake RC in memory, so that this runs without an account
	client, err := rcuser.NewClient(rc.Config()) // for the real service use rcuser.ConfigFromEnv()
	if err != nil {
		log.Fatal(err)
	}
	token, err := client.Users.Register(context.Background(), rcuser.Registration{UserID: "alice", Name: "Alice"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s can connect with a token of %d characters\n", token.UserID, len(token.Value))
}
