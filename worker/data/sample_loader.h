// Turns planned samples into decoded rows: reads bytes by range, checks their
// digests, decodes, crops and tokenizes; free of LibTorch.
#ifndef KEEL_WORKER_DATA_SAMPLE_LOADER_H_
#define KEEL_WORKER_DATA_SAMPLE_LOADER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/data/tokenizer.h"
#include "worker/seam/environment.h"
#include "worker/seam/job.h"

namespace keel {

// Which sample, with which of its captions.
struct RowRequest {
  // Ordinal among the list's samples.
  int64_t sample = 0;
  int caption = 0;
};

// Decoded rows in the order of the requests; samples that do not decode are
// left out and listed.
struct LoadedRows {
  // Ordinals of the rows.
  std::vector<int64_t> samples;
  // uint8, [rows, 3, size, size]: not normalised.
  std::vector<uint8_t> images;
  // [rows, context_length], zero-padded.
  std::vector<int32_t> tokens;
  // Longest caption in tokens, both ends included.
  int max_tokens = 0;
  // First 16 bytes of the SHA-256 of the bytes that were really decoded.
  std::vector<std::string> image_digests;
  std::vector<std::string> caption_digests;
  std::vector<StruckSample> struck;
};

// Thread-safe: rows may be loaded from several threads.
class SampleLoader {
 public:
  struct Options {
    int image_size = 64;
    int context_length = 32;
    int64_t max_image_pixels = 100'000'000;
    // Decoded crops kept in memory.
    int64_t crop_cache_bytes = int64_t{512} << 20;
    // Tokens of captions kept in memory.
    int64_t token_cache_bytes = int64_t{64} << 20;
  };

  // `samples`, `chunks` and `tokenizer` outlive the loader.
  SampleLoader(const Options& options, const std::vector<SampleList>& samples,
               ChunkReader& chunks, const Tokenizer& tokenizer);
  ~SampleLoader();

  // Blocks while bytes are read. UNAVAILABLE and so on: the reader's errors,
  // which strike nothing, as do the next two. DATA_LOSS: the bytes have another
  // digest than the index says; the message names chunk and key.
  // RESOURCE_EXHAUSTED: no memory to decode. INVALID_ARGUMENT: no such sample
  // or caption. CANCELLED: `stopped`, which is asked before each row, said
  // true. Bytes that do not decode strike the sample with "IMAGE_DECODE".
  absl::StatusOr<LoadedRows> Load(const std::vector<RowRequest>& requests,
                                  const std::function<bool()>& stopped = {});
  // Samples in all lists together.
  int64_t sample_count() const;
  const SampleRef& sample(int64_t ordinal) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace keel

#endif  // KEEL_WORKER_DATA_SAMPLE_LOADER_H_
