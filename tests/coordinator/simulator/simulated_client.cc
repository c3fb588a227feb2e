#include "tests/coordinator/simulator/simulated_client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/sha256.h"
#include "coordinator/core/lifecycle.h"
#include "coordinator/services/chunk_receiver.h"

namespace keel::testing {
namespace {

constexpr double kRequestLoss = 0.02;
constexpr double kReplyLoss = 0.05;
constexpr double kBreak = 0.05;

v1::StreamConfig DrawConfig(Random& random) {
  v1::StreamConfig config;
  config.mutable_model()->set_preset("tiny");
  v1::TrainConfig& train = *config.mutable_train();
  train.set_epochs(static_cast<int>(random.Between(1, 4)));
  train.set_global_batch(static_cast<int>(random.Between(1, 3)));
  v1::PhaseConfig& phase = *config.mutable_phase();
  constexpr v1::PhaseConfig::Policy kPolicies[] = {
      v1::PhaseConfig::EACH_CHUNK, v1::PhaseConfig::MANUAL,
      v1::PhaseConfig::MIN_SAMPLES};
  phase.set_policy(kPolicies[random.Below(3)]);
  phase.set_min_samples(random.Between(1, 8));
  phase.mutable_max_wait()->set_seconds(random.Between(1, 4));
  config.mutable_group()->set_min_workers(1);
  config.mutable_group()->set_max_workers(
      static_cast<int>(random.Between(1, 3)));
  config.mutable_probe()->set_fraction(random.Chance(0.5) ? 0.3 : 0);
  config.mutable_probe()->set_max_per_phase(2);
  // A phase that had too many would fail at each retry, for good.
  config.mutable_limits()->set_max_struck_fraction(1);
  if (random.Chance(0.3)) {
    config.mutable_method()->mutable_replay()->set_samples(
        static_cast<int>(random.Between(2, 6)));
    config.mutable_method()->mutable_replay()->set_per_batch(2);
  }
  return config;
}

// Message `index` of an upload of `shard` from `offset` on, in frames of a
// third.
v1::SubmitChunkRequest FrameOf(const std::string& shard, int64_t offset) {
  v1::SubmitChunkRequest message;
  v1::DataFrame& frame = *message.mutable_frame();
  frame.set_offset(offset);
  frame.set_data(shard.substr(offset, shard.size() / 3 + 1));
  frame.set_crc32(Crc32(frame.data()));
  return message;
}

}  // namespace

SimulatedClient::SimulatedClient(World& world, std::string stream)
    : world_(world), stream_(std::move(stream)) {
  Random& random = world_.random();
  config_ = DrawConfig(random);
  const int64_t count = random.Between(1, 4);
  const int64_t first = random.Below(Shards().size());
  for (int64_t i = 0; i < count; ++i) {
    const Shard& shard = Shards()[(first + i) % Shards().size()];
    chunks_.push_back(
        {&shard, random.Chance(0.1), absl::StrCat("request-", i)});
  }
  if (random.Chance(0.1)) {
    chunks_.insert(chunks_.begin(), {&BadShard(), false, "request-bad"});
  }
}

void SimulatedClient::Start() {
  world_.queue().After(world_.random().Milliseconds(1, 500), [this] { Act(); });
}

std::string SimulatedClient::Describe() const {
  std::string text = absl::StrCat(stream_, ": ", next_chunk_, " of ",
                                  chunks_.size(), " chunks accepted");
  for (const auto& [number, phase] : seen_) {
    absl::StrAppend(&text, ", phase ", number, " attempt ", phase.attempt(),
                    " ", StateName(phase.state()), " (", phase.reason(), ")");
  }
  return text;
}

template <typename T>
std::optional<T> SimulatedClient::Ask(
    const std::function<T(CoordinatorLife&)>& request) {
  if (world_.Mishap(kRequestLoss)) return std::nullopt;
  std::optional<T> reply;
  const bool alive = world_.Call(
      [&](CoordinatorLife& coordinator) { reply = request(coordinator); });
  if (!alive || world_.Mishap(kReplyLoss)) return std::nullopt;
  return reply;
}

void SimulatedClient::Act() {
  if (!created_) {
    Create();
  } else if (next_chunk_ < chunks_.size()) {
    SubmitNext();
    TendPhases();
  } else {
    const bool closed = CloseIfNeeded();
    done_ = TendPhases() && closed;
  }
  const bool hurry = !created_ || next_chunk_ < chunks_.size();
  world_.queue().After(hurry ? world_.random().Milliseconds(50, 900)
                             : world_.random().Milliseconds(600, 1200),
                       [this] { Act(); });
}

// ---- the stream ------------------------------------------------------------

void SimulatedClient::Create() {
  v1::CreateStreamRequest request;
  request.set_name(stream_);
  request.set_request_id("create-" + stream_);
  *request.mutable_config() = config_;
  const auto reply =
      Ask<absl::StatusOr<v1::Stream>>([&](CoordinatorLife& coordinator) {
        auto stream = coordinator.parts->streams.Create(request);
        if (stream.ok()) {
          auto [known, is_new] =
              world_.truth().streams.emplace(stream_, stream->uid());
          if (known->second != stream->uid()) {
            world_.Violation("a stream was created twice");
          }
        }
        return stream;
      });
  if (!reply.has_value()) return;
  if (!reply->ok()) {
    return world_.Violation("create: " + reply->status().ToString());
  }
  created_ = true;
  if (world_.random().Chance(0.3)) RepeatCreate(std::move(request));
}

void SimulatedClient::RepeatCreate(v1::CreateStreamRequest request) {
  request.mutable_config()->mutable_train()->set_epochs(
      config_.train().epochs() + 1);
  const auto reply = Ask<absl::Status>([&](CoordinatorLife& coordinator) {
    return coordinator.parts->streams.Create(request).status();
  });
  if (reply.has_value() && !absl::IsAlreadyExists(*reply)) {
    world_.Violation(absl::StrCat("the request that created ", stream_,
                                  " with another config: ", reply->ToString()));
  }
}

// ---- chunks ----------------------------------------------------------------

void SimulatedClient::SubmitNext() {
  // A call that waits runs the events of others; not without end.
  if (world_.waiting_calls() >= 2) return;
  const Chunk& chunk = chunks_[next_chunk_];
  const auto reply = Submit(chunk);
  if (!reply.has_value()) return;
  from_start_ = absl::IsDataLoss(reply->status());
  if (reply->ok()) {
    ++next_chunk_;
    RepeatSubmission(chunk);
  } else if (chunk.shard == &BadShard() &&
             absl::IsInvalidArgument(reply->status())) {
    ++next_chunk_;
  } else if (!absl::IsAborted(reply->status()) &&
             !absl::IsFailedPrecondition(reply->status()) &&
             !absl::IsDataLoss(reply->status())) {
    world_.Violation("submit: " + reply->status().ToString());
  }
}

std::optional<SimulatedClient::SubmitResult> SimulatedClient::Submit(
    const Chunk& chunk) {
  int64_t offset = 0;
  if (!from_start_ && world_.random().Chance(0.7)) {
    const auto kept = Ask<int64_t>([&](CoordinatorLife& coordinator) {
      return coordinator.blobs->PartialSize(chunk.shard->digest);
    });
    if (!kept.has_value()) return std::nullopt;
    offset = std::min<int64_t>(*kept, chunk.shard->bytes.size());
  }
  return Ask<SubmitResult>([&](CoordinatorLife& coordinator) {
    SubmitResult result = Receive(coordinator, chunk, offset);
    if (result.ok()) NoteAccepted(chunk, *result);
    return result;
  });
}

SimulatedClient::SubmitResult SimulatedClient::Receive(
    CoordinatorLife& coordinator, const Chunk& chunk, int64_t offset) {
  v1::SubmitChunkRequest header;
  header.mutable_header()->set_stream(stream_);
  header.mutable_header()->set_digest(chunk.shard->digest);
  header.mutable_header()->set_size_bytes(chunk.shard->bytes.size());
  header.mutable_header()->set_display_name("shard.tar");
  header.mutable_header()->set_probe_only(chunk.probe_only);
  if (chunk.probe_only) header.mutable_header()->set_origin(1);
  header.mutable_header()->set_request_id(chunk.request_id);
  header.mutable_header()->set_offset(offset);
  bool begun = false;
  const auto read = [&](v1::SubmitChunkRequest* message) {
    world_.WaitInCall(world_.Mishap(0.05)
                          ? world_.random().Milliseconds(500, 4000)
                          : world_.random().Milliseconds(1, 20));
    if (world_.Mishap(kBreak)) return false;
    if (begun) {
      if (offset >= static_cast<int64_t>(chunk.shard->bytes.size())) {
        return false;
      }
      *message = FrameOf(chunk.shard->bytes, offset);
      offset += message->frame().data().size();
    } else {
      *message = header;
    }
    begun = true;
    return true;
  };
  ChunkReceiver receiver(*coordinator.cluster, coordinator.parts->streams);
  SubmitResult result = receiver.Receive(read);
  // The handler sees a line that broke before the header as a bad message.
  if (!begun) return absl::AbortedError("the line broke");
  return result;
}

void SimulatedClient::NoteAccepted(const Chunk& chunk,
                                   const v1::SubmitChunkResponse& response) {
  Truth& truth = world_.truth();
  const std::string& digest = response.chunk().digest();
  truth.requests[{stream_, chunk.request_id}] = digest;
  const auto [known, is_new] = truth.chunks.emplace(std::pair(stream_, digest),
                                                    response.chunk().number());
  if (digest != chunk.shard->digest ||
      known->second != response.chunk().number() ||
      (!is_new && !response.duplicate())) {
    world_.Violation(absl::StrCat("chunk ", digest, " was accepted as ",
                                  known->second, ", then as ",
                                  response.chunk().number()));
  }
}

void SimulatedClient::RepeatSubmission(const Chunk& chunk) {
  Random& random = world_.random();
  Chunk repeated = chunk;
  const int64_t kind = random.Below(6);
  if (kind > 2) return;
  if (kind == 1) repeated.request_id += "-again";
  if (kind == 2) {
    repeated.shard = chunk.shard == &Shards()[0] ? &Shards()[1] : &Shards()[0];
  }
  const auto reply = Ask<SubmitResult>([&](CoordinatorLife& coordinator) {
    SubmitResult result = Receive(coordinator, repeated, 0);
    if (result.ok()) NoteAccepted(repeated, *result);
    return result;
  });
  if (!reply.has_value() || absl::IsAborted(reply->status())) return;
  if (reply->ok() == (kind == 2)) {
    world_.Violation(absl::StrCat(kind == 2
                                      ? "a used request id with other bytes: "
                                      : "an accepted chunk once more: ",
                                  reply->status().ToString()));
  }
}

// ---- phases ----------------------------------------------------------------

bool SimulatedClient::CloseIfNeeded() {
  const auto stream =
      Ask<absl::StatusOr<v1::Stream>>([&](CoordinatorLife& coordinator) {
        return coordinator.parts->streams.Get(stream_);
      });
  if (!stream.has_value() || !stream->ok()) return false;
  if ((*stream)->backlog_chunk_count() == 0) return true;
  if (config_.phase().policy() != v1::PhaseConfig::MANUAL) return false;
  v1::ClosePhaseRequest request;
  request.set_stream(stream_);
  request.set_request_id(absl::StrCat("close-", close_count_));
  const auto reply =
      Ask<absl::StatusOr<v1::Phase>>([&](CoordinatorLife& coordinator) {
        // It does not wait for the answer; it asks again.
        auto phase =
            coordinator.parts->requests.Close(request, [] { return true; });
        if (phase.ok()) {
          const auto [known, is_new] = world_.truth().closes.emplace(
              std::pair(stream_, request.request_id()), phase->number());
          if (known->second != phase->number()) {
            world_.Violation("one close request made two phases");
          }
        }
        return phase;
      });
  if (reply.has_value() && reply->ok() && world_.random().Chance(0.5)) {
    ++close_count_;
  }
  return false;
}

bool SimulatedClient::TendPhases() {
  const auto phases =
      Ask<std::vector<v1::Phase>>([&](CoordinatorLife& coordinator) {
        std::vector<v1::Phase> all;
        for (int number = 1;; ++number) {
          auto phase = coordinator.parts->requests.Get(stream_, number);
          if (!phase.ok()) return all;
          all.push_back(*std::move(phase));
        }
      });
  if (!phases.has_value()) return false;
  bool settled = true;
  for (const v1::Phase& phase : *phases) {
    settled = TendPhase(phase) && settled;
    seen_[phase.number()] = phase;
  }
  return settled;
}

bool SimulatedClient::TendPhase(const v1::Phase& phase) {
  std::optional<PhaseEvent> event;
  switch (phase.state()) {
    case v1::Phase::PUBLISHED:
    case v1::Phase::SKIPPED:
      return true;
    case v1::Phase::FAILED:
      event = world_.random().Chance(0.9) ? PhaseEvent::kRetryRequested
                                          : PhaseEvent::kSkipRequested;
      break;
    case v1::Phase::CANCELLED:
      // A retry may be refused: a later phase has begun.
      if (!world_.Mishap(0.5)) return true;
      event = PhaseEvent::kRetryRequested;
      break;
    default:
      if (world_.Mishap(0.02)) event = PhaseEvent::kCancelRequested;
  }
  if (event.has_value()) {
    Ask<absl::Status>([&](CoordinatorLife& coordinator) {
      PhaseRequests& requests = coordinator.parts->requests;
      if (*event != PhaseEvent::kRetryRequested) {
        return requests.Apply(stream_, phase.number(), *event).status();
      }
      v1::RetryPhaseRequest request;
      request.set_stream(stream_);
      request.set_number(phase.number());
      request.set_attempt(phase.attempt());
      return requests.Retry(request).status();
    });
  }
  return false;
}

}  // namespace keel::testing
