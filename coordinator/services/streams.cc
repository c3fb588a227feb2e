#include "coordinator/services/streams.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/config/stream_config.h"
#include "common/ids.h"
#include "common/log.h"
#include "common/reason.h"
#include "common/status_macros.h"
#include "coordinator/services/phase_maker.h"
#include "coordinator/services/state_views.h"
#include "coordinator/services/text_check.h"
#include "coordinator/store/table_names.h"

namespace keel {
namespace {

using storage::v1::ChunkRecord;
using storage::v1::StreamRecord;

std::string RequestOf(const v1::SubmitChunkHeader& header) {
  return absl::StrCat("chunk:", header.request_id().empty()
                                    ? header.digest()
                                    : header.request_id());
}

v1::SubmitChunkResponse ToResponse(const ChunkRecord& record, bool duplicate) {
  v1::SubmitChunkResponse response;
  *response.mutable_chunk() = record.chunk();
  *response.mutable_rejected() = record.rejected();
  response.set_duplicate(duplicate);
  return response;
}

ChunkRecord NewChunk(const StreamState& stream,
                     const v1::SubmitChunkHeader& header,
                     const IndexedChunk& indexed, absl::Time now) {
  ChunkRecord record;
  v1::Chunk& chunk = *record.mutable_chunk();
  chunk.set_digest(header.digest());
  chunk.set_stream(header.stream());
  chunk.set_number(stream.chunks.empty() ? 1
                                         : stream.chunks.rbegin()->first + 1);
  chunk.set_display_name(header.display_name());
  chunk.set_size_bytes(header.size_bytes());
  chunk.set_probe_only(header.probe_only());
  if (header.has_origin()) chunk.set_origin(header.origin());
  *chunk.mutable_samples() = indexed.counts;
  *chunk.mutable_accept_time() = ToTimestamp(now);
  record.set_request_id(header.request_id());
  for (const v1::RejectedSample& sample : indexed.rejected) {
    *record.add_rejected() = sample;
  }
  return record;
}

// Such as "as a probe set of origin 2".
template <typename Message>
std::string UseOf(const Message& chunk) {
  if (!chunk.probe_only()) return "for training";
  return chunk.has_origin()
             ? absl::StrCat("as a probe set of origin ", chunk.origin())
             : "as a probe set";
}

// A repeated call that names no origin leaves it as it was.
absl::Status CheckSameUse(const v1::Chunk& accepted,
                          const v1::SubmitChunkHeader& header) {
  const bool same_origin =
      !header.has_origin() ||
      (accepted.has_origin() && accepted.origin() == header.origin());
  if (accepted.probe_only() == header.probe_only() && same_origin) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::AlreadyExistsError(absl::StrCat(
          "chunk ", accepted.digest(), " of stream \"", accepted.stream(),
          "\" was accepted ", UseOf(accepted), ", not ", UseOf(header))),
      {"PROBE_MISMATCH",
       {{"stream", accepted.stream()}, {"digest", accepted.digest()}}});
}

// A probe set of all samples of one chunk.
storage::v1::ProbeRecord NewProbe(const StreamState& stream,
                                  const ChunkRecord& record, int sample_count) {
  const v1::Chunk& chunk = record.chunk();
  storage::v1::ProbeRecord probe;
  probe.set_stream(chunk.stream());
  probe.set_name(
      UniqueProbeName(stream, SlugFromDisplayName(chunk.display_name())));
  if (chunk.has_origin()) probe.set_submitted_origin(chunk.origin());
  storage::v1::PlannedChunk& planned = *probe.add_chunks();
  planned.set_chunk_digest(chunk.digest());
  planned.set_chunk_size_bytes(chunk.size_bytes());
  planned.set_index_digest(record.index_digest());
  planned.set_index_size_bytes(record.index_size_bytes());
  planned.set_accepted_count(sample_count);
  for (int i = 0; i < sample_count; ++i) planned.add_probe_ordinals(i);
  return probe;
}

void CountChunk(const IndexedChunk& indexed, int64_t bytes, Metrics& metrics) {
  metrics.Increment("keel_chunks_total", {{"result", "accepted"}});
  metrics.Increment("keel_ingest_bytes_total", {}, static_cast<double>(bytes));
  metrics.Increment("keel_samples_total", {{"result", "accepted"}},
                    static_cast<double>(indexed.counts.accepted_count()));
  metrics.Increment("keel_samples_total", {{"result", "rejected"}},
                    static_cast<double>(indexed.counts.rejected_count()));
}

// True if the request is the one that made the stream, and not another one
// under its id.
bool Made(const v1::CreateStreamRequest& request, const StreamRecord& record) {
  return !request.request_id().empty() &&
         record.create_request_id() == request.request_id() &&
         record.stream().initial_checkpoint() == request.initial_checkpoint() &&
         record.stream().config().SerializeAsString() ==
             WithDefaults(request.config()).SerializeAsString();
}

// Checkpoint 0 of a stream that starts from uploaded files.
v1::Checkpoint InitialCheckpoint(const StreamRecord& record) {
  v1::Checkpoint checkpoint;
  checkpoint.set_stream(record.stream().name());
  checkpoint.set_parent(-1);
  *checkpoint.mutable_files() = record.initial_files();
  *checkpoint.mutable_publish_time() = record.stream().create_time();
  return checkpoint;
}

// ALREADY_EXISTS: the request id created a stream of another name.
absl::Status RequireNewRequest(const ClusterState& state,
                               const v1::CreateStreamRequest& request) {
  if (request.request_id().empty()) return absl::OkStatus();
  for (const auto& [name, stream] : state.streams) {
    if (stream.record.create_request_id() != request.request_id()) continue;
    return WithReason(absl::AlreadyExistsError(
                          absl::StrCat("request \"", request.request_id(),
                                       "\" created stream \"", name, "\"")),
                      {"REQUEST_ID_REUSED", {{"stream", name}}});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::Stream> Streams::Create(
    const v1::CreateStreamRequest& request) {
  KEEL_RETURN_IF_ERROR(ValidateName("stream name", request.name()));
  KEEL_RETURN_IF_ERROR(CheckLength("request_id", request.request_id()));
  auto state = cluster_.Lock();
  if (auto known = state->FindStream(request.name()); known.ok()) {
    const StreamRecord& record = (*known)->record;
    if (Made(request, record)) return ShowStream(**known);
    if (!request.request_id().empty() &&
        record.create_request_id() == request.request_id()) {
      return WithReason(
          absl::AlreadyExistsError(absl::StrCat(
              "request \"", request.request_id(), "\" created stream \"",
              request.name(), "\" with another configuration")),
          {"REQUEST_ID_REUSED", {{"stream", request.name()}}});
    }
    return WithReason(absl::AlreadyExistsError(absl::StrCat(
                          "there is a stream \"", request.name(), "\"")),
                      {"STREAM_EXISTS", {{"stream", request.name()}}});
  }
  KEEL_RETURN_IF_ERROR(RequireNewRequest(*state, request));
  Edit edit = cluster_.NewEdit(durable::kCreateStream);
  KEEL_ASSIGN_OR_RETURN(StreamRecord record,
                        NewRecord(*state, request, edit.now()));
  if (record.initial_files_size() > 0) {
    edit.PutCheckpoint(InitialCheckpoint(record));
  }
  edit.PutStream(record);
  KEEL_RETURN_IF_ERROR(cluster_.Commit(*state, edit));
  LogInfo("stream created", {{"stream", request.name()}});
  return ShowStream(state->streams.at(request.name()));
}

absl::StatusOr<StreamRecord> Streams::NewRecord(
    const ClusterState& state, const v1::CreateStreamRequest& request,
    absl::Time now) {
  StreamRecord record;
  v1::Stream& stream = *record.mutable_stream();
  stream.set_name(request.name());
  stream.set_uid(RandomId());
  *stream.mutable_config() = WithDefaults(request.config());
  KEEL_RETURN_IF_ERROR(ValidateStreamConfig(stream.config()));
  *stream.mutable_create_time() = ToTimestamp(now);
  stream.set_state(v1::Stream::ACTIVE);
  stream.set_published_phase(-1);
  record.set_create_request_id(request.request_id());
  if (request.initial_checkpoint().empty()) return record;
  auto upload = state.uploads.find(request.initial_checkpoint());
  if (upload == state.uploads.end()) {
    return WithReason(
        absl::NotFoundError(absl::StrCat("no checkpoint \"",
                                         request.initial_checkpoint(),
                                         "\" was uploaded")),
        {"CHECKPOINT_NOT_FOUND", {{"id", request.initial_checkpoint()}}});
  }
  stream.set_initial_checkpoint(request.initial_checkpoint());
  stream.set_published_phase(0);
  *record.mutable_initial_files() = upload->second.files();
  return record;
}

absl::StatusOr<v1::Stream> Streams::Get(const std::string& name) {
  auto state = cluster_.Lock();
  KEEL_ASSIGN_OR_RETURN(StreamState * stream, state->FindStream(name));
  return ShowStream(*stream);
}

std::vector<v1::Stream> Streams::List() {
  auto state = cluster_.Lock();
  std::vector<v1::Stream> streams;
  for (const auto& [name, stream] : state->streams) {
    streams.push_back(ShowStream(stream));
  }
  return streams;
}

absl::StatusOr<std::vector<v1::Chunk>> Streams::ListChunks(
    const std::string& name) {
  auto state = cluster_.Lock();
  KEEL_ASSIGN_OR_RETURN(StreamState * stream, state->FindStream(name));
  std::vector<v1::Chunk> chunks;
  for (const auto& [number, record] : stream->chunks) {
    chunks.push_back(record.chunk());
  }
  return chunks;
}

absl::StatusOr<std::optional<Streams::Submitted>> Streams::FindSubmitted(
    const v1::SubmitChunkHeader& header) {
  auto state = cluster_.Lock();
  return FindSubmittedLocked(*state, header);
}

absl::StatusOr<std::optional<Streams::Submitted>> Streams::FindSubmittedLocked(
    ClusterState& state, const v1::SubmitChunkHeader& header) {
  KEEL_ASSIGN_OR_RETURN(StreamState * stream,
                        state.FindStream(header.stream()));
  const std::string request = RequestOf(header);
  auto used = stream->requests.find(RequestKey(header.stream(), request));
  const bool known_request = used != stream->requests.end();
  if (known_request && used->second != header.digest()) {
    return WithReason(
        absl::AlreadyExistsError(absl::StrCat(
            "request \"", header.request_id(), "\" of stream \"",
            header.stream(), "\" was made with other bytes, those of chunk ",
            used->second)),
        {"REQUEST_ID_REUSED",
         {{"stream", header.stream()}, {"digest", used->second}}});
  }
  auto number = stream->chunk_numbers.find(header.digest());
  if (number == stream->chunk_numbers.end()) return std::nullopt;
  const ChunkRecord& record = stream->chunks.at(number->second);
  KEEL_RETURN_IF_ERROR(CheckSameUse(record.chunk(), header));
  if (!known_request) {
    Edit edit = cluster_.NewEdit(durable::kRepeatChunk);
    edit.PutRequest(header.stream(), request, header.digest());
    KEEL_RETURN_IF_ERROR(cluster_.Commit(state, edit));
  }
  return Submitted{ToResponse(record, /*duplicate=*/true),
                   record.index_digest()};
}

absl::StatusOr<v1::SubmitChunkResponse> Streams::Accept(
    const v1::SubmitChunkHeader& header, const IndexedChunk& indexed,
    const std::string& index_digest) {
  auto state = cluster_.Lock();
  // Two uploads of the same chunk may end at the same time.
  KEEL_ASSIGN_OR_RETURN(auto known, FindSubmittedLocked(*state, header));
  if (known.has_value()) return std::move(known->response);
  StreamState& stream = state->streams.at(header.stream());
  Edit edit = cluster_.NewEdit(durable::kAcceptChunk);
  ChunkRecord record = NewChunk(stream, header, indexed, edit.now());
  record.set_index_digest(index_digest);
  record.set_index_size_bytes(
      static_cast<int64_t>(indexed.index.ByteSizeLong()));
  if (header.probe_only()) {
    edit.PutProbe(NewProbe(stream, record, indexed.index.samples_size()));
  }
  edit.PutRequest(header.stream(), RequestOf(header), header.digest());
  edit.PutChunk(record);
  KEEL_RETURN_IF_ERROR(cluster_.Commit(*state, edit));
  CountChunk(indexed, header.size_bytes(), *cluster_.env().metrics);
  LogInfo("chunk accepted",
          {{"stream", header.stream()},
           {"chunk", header.digest()},
           {"samples", absl::StrCat(indexed.counts.accepted_count())}});
  return ToResponse(record, /*duplicate=*/false);
}

}  // namespace keel
