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

// registerTimeout limits the wait for RC's answer to a login. It is less than [requestTimeout], so that a shutdown doesn't
// interrupt a login whose request was read.
const registerTimeout = 8 * time.Second

type loginRequest struct {
	UserID      string `json:"userId"`
	Name        string `json:"name"`
	PortraitURI string `json:"portraitUri"`
	Refresh     bool   `json:"refresh"` // RC no longer accepts the stored token
}

// validID allows only characters that RC documents and that need no escaping. A user whose id has a comma couldn't be
// deactivated.
var validID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// login answers with the stored token of the user, or with a new one from RC.
func (a *app) login(w http.ResponseWriter, r *http.Request) {
	var in loginRequest
	err := readJSON(w, r, &in)
	if err == nil {
		err = a.authenticate(r, in.UserID)
	}
	if err == nil && !validID.MatchString(in.UserID) {
		err = &requestError{http.StatusBadRequest, "userId must be 1 to 64 letters, digits, - or _"}
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	// Only identical requests share a call: a refresh must not get the stored token that a login got, and a name that RC
	// would refuse must not get the token of a valid one.
	token, err, _ := a.logins.Do(fmt.Sprintf("%#v", in), func() (any, error) {
		// The call outlives the request that started it, because others may share it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), registerTimeout)
		defer cancel()
		return a.token(ctx, in)
	})
	if err != nil {
		a.fail(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"userId": in.UserID, "token": token})
}

// token asks RC only if there is no stored token that is still valid. If the program crashes before it has saved RC's
// answer, the next login registers the user again, which is harmless.
func (a *app) token(ctx context.Context, in loginRequest) (string, error) {
	save := a.store.saveToken
	u, err := a.store.user(ctx, in.UserID)
	switch now := a.now(); {
	case errors.Is(err, errNoUser):
		save = a.store.addUser
	case err != nil:
		return "", err
	case u.State == deleteFailed:
		return "", errDeleteFailed
	case u.State != active:
		return "", errDeleting
	case !in.Refresh && (a.tokenTTL == 0 || now.Before(u.TokenIssuedAt.Add(a.tokenTTL))):
		return u.token, nil
	}
	issuedAt := a.now() // before the call, so that the token never counts as newer than it is
	token, err := a.client.Users.Register(ctx, rcuser.Registration{UserID: in.UserID, Name: in.Name, PortraitURI: in.PortraitURI})
	if err != nil {
		return "", err
	}
	return token.Value, save(ctx, in.UserID, in.Name, token.Value, issuedAt)
}

// withUserID authenticates the request for the user in the path before it calls handle.
func (a *app) withUserID(handle func(http.ResponseWriter, *http.Request, string) error) http.HandlerFunc {
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

// getUser answers with everything about a user except the token.
func (a *app) getUser(w http.ResponseWriter, r *http.Request, id string) error {
	u, err := a.store.user(r.Context(), id)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, u)
	return nil
}

// deleteUser starts the deletion of an account. RC takes 15 minutes; getUser shows the state, and answers 404 when the
// account is deleted.
func (a *app) deleteUser(w http.ResponseWriter, r *http.Request, id string) error {
	started, err := a.store.beginDeletion(r.Context(), id)
	if err != nil {
		return err
	}
	if started {
		a.deleter.notify()
	}
	u, err := a.store.user(r.Context(), id)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusAccepted, u)
	return nil
}
