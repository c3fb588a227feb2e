#include "worker/drift/match_ranks.h"

#include <algorithm>
#include <limits>

#include "absl/status/status.h"

namespace keel {
namespace {

constexpr int64_t kImageRows = 256;
constexpr int64_t kTextRows = 4096;

// Cosine of each text with its own image, [M].
at::Tensor OwnCosines(const CaptionedEmbeddings& unit) {
  std::vector<at::Tensor> parts;
  for (int64_t begin = 0; begin < unit.text.size(0); begin += kTextRows) {
    const int64_t count = std::min(kTextRows, unit.text.size(0) - begin);
    const at::Tensor images =
        unit.image.index_select(0, unit.image_of_text.narrow(0, begin, count));
    parts.push_back((images * unit.text.narrow(0, begin, count)).sum(1));
  }
  return at::cat(parts);
}

}  // namespace

absl::StatusOr<MatchRanks> RankMatches(const CaptionedEmbeddings& unit,
                                       const std::function<bool()>& stopped) {
  const int64_t images = unit.image.size(0), texts = unit.text.size(0);
  const at::Tensor of_text = OwnCosines(unit);
  const at::Tensor of_image =
      at::full({images}, -std::numeric_limits<double>::infinity(), at::kDouble)
          .scatter_reduce(0, unit.image_of_text, of_text, "amax");
  MatchRanks ranks{at::ones({images}, at::kLong), at::ones({texts}, at::kLong)};
  for (int64_t i = 0; i < images; i += kImageRows) {
    const int64_t rows = std::min(kImageRows, images - i);
    const at::Tensor image_bar =
        (of_image.narrow(0, i, rows) - kTieTolerance).unsqueeze(1);
    const at::Tensor index = at::arange(i, i + rows, at::kLong).unsqueeze(1);
    for (int64_t j = 0; j < texts; j += kTextRows) {
      if (stopped && stopped()) return absl::CancelledError("stopped");
      const int64_t columns = std::min(kTextRows, texts - j);
      const at::Tensor cosine = at::matmul(unit.image.narrow(0, i, rows),
                                           unit.text.narrow(0, j, columns).t());
      const at::Tensor wrong =
          unit.image_of_text.narrow(0, j, columns).unsqueeze(0).ne(index);
      const at::Tensor text_bar =
          (of_text.narrow(0, j, columns) - kTieTolerance).unsqueeze(0);
      ranks.image.narrow(0, i, rows)
          .add_(cosine.ge(image_bar).logical_and(wrong).sum(1));
      ranks.text.narrow(0, j, columns)
          .add_(cosine.ge(text_bar).logical_and(wrong).sum(0));
    }
  }
  return ranks;
}

}  // namespace keel
