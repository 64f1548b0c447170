package main

import (
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// minimal is client A: what an app's developer writes in an afternoon. It signs, sends and decodes, and has none of the
// SDK's other features.
type minimal struct {
	base, key, secret string
	http              *http.Client
}

func (m *minimal) post(ctx context.Context, path string, form url.Values, result any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	var random [8]byte
	_, _ = rand.Read(random[:])
	nonce, timestamp := hex.EncodeToString(random[:]), strconv.FormatInt(time.Now().UnixMilli(), 10)
	sum := sha1.Sum([]byte(m.secret + nonce + timestamp))
	req.Header.Set("App-Key", m.key)
	req.Header.Set("Nonce", nonce)
	req.Header.Set("Timestamp", timestamp)
	req.Header.Set("Signature", hex.EncodeToString(sum[:]))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := m.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var status struct {
		Code    int    `json:"code"`
		Message string `json:"errorMessage"`
	}
	if err := json.Unmarshal(body, &status); err != nil {
		return err
	}
	if status.Code != 200 {
		return fmt.Errorf("RC: %d %s", status.Code, status.Message)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(body, result)
}

func (m *minimal) token(ctx context.Context) error {
	var answer struct {
		UserID string `json:"userId"`
		Token  string `json:"token"`
	}
	form := url.Values{}
	form.Set("userId", "jlk456j5")
	form.Set("name", "Ironman")
	form.Set("portraitUri", "http://abc.com/myportrait.jpg")
	return m.post(ctx, "/user/getToken.json", form, &answer)
}

func (m *minimal) online(ctx context.Context) error {
	var answer struct {
		Status string `json:"status"`
	}
	form := url.Values{}
	form.Set("userId", "jlk456j5")
	return m.post(ctx, "/user/checkOnline.json", form, &answer)
}

func (m *minimal) ban(ctx context.Context) error {
	form := url.Values{}
	for _, id := range banIDs {
		form.Add("userId", id)
	}
	form.Set("minute", "10")
	return m.post(ctx, "/user/block.json", form, nil)
}
