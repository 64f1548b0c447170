package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/f0207b22/rcuser"
)

// registerPatience is for RC's answer. It is less than [requestPatience], so that a shutdown cuts no login off that was
// read.
const registerPatience = 8 * time.Second

type loginRequest struct {
	UserID      string `json:"userId"`
	Name        string `json:"name"`
	PortraitURI string `json:"portraitUri"`
	Refresh     bool   `json:"refresh"` // RC didn't take the token that we have
}

// goodID allows what RC promises to work and what needs no escaping. An account whose id has a comma could not be closed.
var goodID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// login hands out a token: the one that we have, or else a new one of RC's.
func (a *app) login(w http.ResponseWriter, r *http.Request) {
	var in loginRequest
	err := readJSON(w, r, &in)
	if err == nil {
		err = a.authenticate(r, in.UserID)
	}
	if err == nil && !goodID.MatchString(in.UserID) {
		err = &requestError{http.StatusBadRequest, "userId must be 1 to 64 letters, digits, - or _"}
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	// Only what asks for the same is one call: a refresh must not be answered with what a login found in the database, nor a
	// name that RC refuses with the token of one that it takes.
	token, err, _ := a.logins.Do(fmt.Sprintf("%#v", in), func() (any, error) {
		// The others who wait for this call must not fail because the first one hung up.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), registerPatience)
		defer cancel()
		return a.token(ctx, in)
	})
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"userId": in.UserID, "token": token})
}

// token asks RC only if there is no token that is still good. If the program dies before it has saved RC's answer, RC has
// a user whom the next login registers again, which is harmless.
func (a *app) token(ctx context.Context, in loginRequest) (string, error) {
	save := a.store.saveToken
	u, err := a.store.user(ctx, in.UserID)
	switch now := a.now(); {
	case errors.Is(err, errNoUser):
		save = a.store.addUser
	case err != nil:
		return "", err
	case u.State == deleteFailed:
		return "", errRefused
	case u.State != active:
		return "", errDeleting
	case !in.Refresh && (a.tokenTTL == 0 || now.Before(u.TokenIssuedAt.Add(a.tokenTTL))):
		return u.token, nil
	}
	asked := a.now() // the token is no older than that
	token, err := a.client.Users.Register(ctx, rcuser.Registration{UserID: in.UserID, Name: in.Name, PortraitURI: in.PortraitURI})
	if err != nil {
		return "", err
	}
	return token.Value, save(ctx, in.UserID, in.Name, token.Value, asked)
}

// forUser lets only those in who may act for the user in the path.
func (a *app) forUser(handle func(http.ResponseWriter, *http.Request, string) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		err := a.authenticate(r, id)
		if err == nil {
			err = handle(w, r, id)
		}
		if err != nil {
			a.fail(w, r, err)
		}
	}
}

// getUser answers with what is known of a user, but for the token.
func (a *app) getUser(w http.ResponseWriter, r *http.Request, id string) error {
	u, err := a.store.user(r.Context(), id)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, u)
	return nil
}

// deleteUser begins to close an account. RC takes 15 minutes; getUser tells how far it is, 404 when it is done.
func (a *app) deleteUser(w http.ResponseWriter, r *http.Request, id string) error {
	begun, err := a.store.beginDeletion(r.Context(), id)
	if err != nil {
		return err
	}
	if begun {
		a.deletions.look()
	}
	u, err := a.store.user(r.Context(), id)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusAccepted, u)
	return nil
}
