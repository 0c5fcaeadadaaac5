package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/nats-io/nats.go/jetstream"
)

// work carries one job after the other.
func (p *program) work(messages jetstream.MessagesContext) error {
	for {
		msg, err := messages.Next()
		if errors.Is(err, jetstream.ErrMsgIteratorClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := p.carry(context.Background(), msg); err != nil {
			return err
		}
	}
}

func (p *program) carry(ctx context.Context, msg jetstream.Msg) error {
	id := string(msg.Data())
	url, err := p.poll(ctx, id)
	if err != nil {
		return err
	}
	if err := p.store(ctx, id, url); err != nil {
		return err
	}
	if _, err := p.js.Publish(ctx, "jobs.events.completed."+id, msg.Data()); err != nil {
		return err
	}
	return msg.Ack()
}

// poll returns the URL of the job's file.
func (p *program) poll(ctx context.Context, id string) (string, error) {
	response, err := p.get(ctx, p.api+"/jobs/"+id, p.token)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var answer struct {
		Result struct{ File struct{ URL string } }
	}
	err = json.NewDecoder(response.Body).Decode(&answer)
	return answer.Result.File.URL, err
}

func (p *program) store(ctx context.Context, id, url string) error {
	response, err := p.get(ctx, url, "")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	key, contentType := id+"/result.pdf", response.Header.Get("Content-Type")
	_, err = p.s3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &p.bucket, Key: &key, ContentType: &contentType,
		Body: response.Body, ContentLength: &response.ContentLength,
	}, s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)) // it cannot be read twice
	return err
}

func (p *program) get(ctx context.Context, url, token string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := p.http.Do(request)
	if err == nil && response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		return nil, fmt.Errorf("%s answers %s", request.URL.Path, response.Status)
	}
	return response, err
}
