#include "worker/train/loss_tiled.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "worker/train/loss_lines.h"
#include "worker/train/loss_terms.h"

namespace keel {
namespace {

// Largest exponent, either way, for which fp32 loses no line.
constexpr double kMaxNarrowExponent = 59;
// Below this temperature exp(d) overflows fp32 (d is at most 2 / tau).
constexpr double kMinNarrowTemperature = 0.025;
constexpr int kBuffers = 5;

struct Tile {
  int64_t row = 0;
  int64_t rows = 0;
  int64_t column = 0;
  int64_t columns = 0;

  // Part of a vector that has an entry for each row (column) of the batch.
  at::Tensor RowsOf(const at::Tensor& x) const {
    return x.narrow(0, row, rows);
  }
  at::Tensor ColumnsOf(const at::Tensor& x) const {
    return x.narrow(0, column, columns);
  }
  // The pairs whose entry [i, i] lies in the tile; may be none.
  Slice Pairs() const {
    const int64_t begin = std::max(row, column);
    const int64_t end = std::min(row + rows, column + columns);
    return begin < end ? Slice{begin, end} : Slice{};
  }
  // These entries, as a view of the tile's values.
  at::Tensor Diagonal(const at::Tensor& values) const {
    const Slice pairs = Pairs();
    if (pairs.size() == 0) return values.narrow(0, 0, 0).diagonal();
    return values.narrow(0, pairs.begin - row, pairs.size())
        .narrow(1, pairs.begin - column, pairs.size())
        .diagonal();
  }
};

// Exponents are (cosine - shift) * factor.
struct Exponent {
  double factor = 0;
  double shift = 0;
  // The largest that matters, either way.
  double reach = 0;

  // `least`: a lower bound of every line's largest entry.
  static Exponent Over(double least, double factor) {
    return {factor, (1 + least) / 2, (1 - least) / 2 * factor};
  }
  at::Tensor& InPlace(at::Tensor& cosines) const {
    return cosines.sub_(shift).mul_(factor);
  }
};

// The inner products of each pair, float64. The result is allocated first:
// parts of it between the blocks' temporaries would fragment the heap, by up to
// another N x D.
at::Tensor Pairwise(const at::Tensor& a, const at::Tensor& b, int64_t block) {
  at::Tensor products = at::empty({a.size(0)}, a.options().dtype(at::kDouble));
  for (int64_t row = 0; row < a.size(0); row += block) {
    const int64_t count = std::min(block, a.size(0) - row);
    const at::Tensor product =
        a.narrow(0, row, count).to(at::kDouble) * b.narrow(0, row, count);
    at::Tensor of_block = products.narrow(0, row, count);
    at::sum_out(of_block, product, {1});
  }
  return products;
}

// Rows' and columns' part of the gradient's factors, of the tiles' type.
struct Factors {
  at::Tensor rows;
  at::Tensor columns;

  Factors(const at::Tensor& of_rows, const at::Tensor& of_columns,
          double weight, at::ScalarType type)
      : rows((of_rows * weight).to(type)),
        columns((of_columns * weight).to(type)) {}

  // rows_i + columns_j of the tile.
  const at::Tensor& Outer(const Tile& tile, at::Tensor& out) const {
    return at::add_out(out, tile.RowsOf(rows).unsqueeze(1),
                       tile.ColumnsOf(columns).unsqueeze(0));
  }
};

class TiledLoss {
 public:
  TiledLoss(const GlobalEmbeddings& embeddings, const at::Tensor& logit_scale,
            const Slice& own, const LossOptions& options);

  at::Tensor Statistics();
  LossShare Share(const at::Tensor& statistics) const;

 private:
  // Factors of the terms of the gradient by a tile's cosines.
  struct GradientFactors {
    Factors contrast;
    Factors miss;
    std::vector<Factors> alignment;  // of P, P (exp(d) - 1) and maybe Q
  };

  template <typename Body>
  void ForEachTile(const Body& body) const;
  at::Tensor Buffer(int index, const Tile& tile) const;
  at::Tensor Product(const at::Tensor& a, const at::Tensor& b, int index,
                     const Tile& tile) const;
  // Cosines of student and teacher in place to Q and P; d.
  void ToAlignment(const Tile& tile, at::Tensor& student, at::Tensor& teacher,
                   at::Tensor& difference) const;

  void AddSum(LineSum which, const Tile& tile, const at::Tensor& values);
  void AddContrast(const Tile& tile, const at::Tensor& cosines);
  void AddAlignment(const Tile& tile, at::Tensor& cosines);
  void Screen(const Tile& tile, const at::Tensor& teacher);

  double SumOwn(const at::Tensor& rows, const at::Tensor& columns) const;
  // Takes the alignment's values into `share`; the factors of its gradient.
  std::vector<Factors> FinishShare(const at::Tensor& statistics,
                                   LossShare& share) const;
  at::Tensor Gradient(const Tile& tile, const GradientFactors& factors) const;
  void AddGradients(const GradientFactors& factors, LossShare& share) const;

  const Slice own_;
  const LossOptions& options_;
  const int64_t n_;
  const bool aligns_;
  const double scale_;
  const at::ScalarType result_type_;
  // Of the type that tiles are computed in.
  GlobalEmbeddings e_;
  // The entries [i, i] of S and S'.
  at::Tensor pairs_;
  at::Tensor teacher_pairs_;
  Exponent contrast_;
  Exponent align_;
  std::vector<at::Tensor> buffers_;
  at::Tensor statistics_;
};

TiledLoss::TiledLoss(const GlobalEmbeddings& embeddings,
                     const at::Tensor& logit_scale, const Slice& own,
                     const LossOptions& options)
    : own_(own),
      options_(options),
      n_(embeddings.image.size(0)),
      aligns_(Aligns(embeddings, options)),
      scale_(std::exp(logit_scale.item<double>())),
      result_type_(embeddings.image.scalar_type()),
      e_(embeddings),
      pairs_(Pairwise(e_.image, e_.text, options.tile_rows)) {
  double least = pairs_.min().item<double>();
  contrast_ = Exponent::Over(least, scale_);
  // Written so that NaN is wide.
  bool narrow = contrast_.reach <= kMaxNarrowExponent;
  if (aligns_) {
    teacher_pairs_ =
        Pairwise(e_.teacher_image, e_.teacher_text, options.tile_rows);
    least = std::min(least, teacher_pairs_.min().item<double>());
    align_ = Exponent::Over(least, 1 / options.kl_temperature);
    narrow = narrow && align_.reach <= kMaxNarrowExponent &&
             options.kl_temperature >= kMinNarrowTemperature;
  }
  if (!narrow) {
    e_.image = e_.image.to(at::kDouble);
    e_.text = e_.text.to(at::kDouble);
    if (aligns_) {
      e_.teacher_image = e_.teacher_image.to(at::kDouble);
      e_.teacher_text = e_.teacher_text.to(at::kDouble);
    }
  }
  const int64_t elements = std::min(options.tile_rows, own_.size()) *
                           std::min(options.tile_columns, n_);
  for (int i = 0; i < kBuffers; ++i) {
    buffers_.push_back(at::empty({elements}, e_.image.options()));
  }
}

template <typename Body>
void TiledLoss::ForEachTile(const Body& body) const {
  for (int64_t row = own_.begin; row < own_.end; row += options_.tile_rows) {
    for (int64_t column = 0; column < n_; column += options_.tile_columns) {
      body(Tile{row, std::min(options_.tile_rows, own_.end - row), column,
                std::min(options_.tile_columns, n_ - column)});
    }
  }
}

at::Tensor TiledLoss::Buffer(int index, const Tile& tile) const {
  return buffers_[index]
      .narrow(0, 0, tile.rows * tile.columns)
      .view({tile.rows, tile.columns});
}

at::Tensor TiledLoss::Product(const at::Tensor& a, const at::Tensor& b,
                              int index, const Tile& tile) const {
  at::Tensor out = Buffer(index, tile);
  at::mm_out(out, tile.RowsOf(a), tile.ColumnsOf(b).t());
  return out;
}

void TiledLoss::ToAlignment(const Tile& tile, at::Tensor& student,
                            at::Tensor& teacher, at::Tensor& difference) const {
  at::sub_out(difference, student, teacher).mul_(align_.factor);
  align_.InPlace(student).exp_();
  align_.InPlace(teacher).exp_();
  if (options_.kl_diagonal) return;
  tile.Diagonal(student).zero_();
  tile.Diagonal(teacher).zero_();
}

at::Tensor TiledLoss::Statistics() {
  statistics_ = at::zeros({2, kLineSums, n_}, pairs_.options());
  ForEachTile([this](const Tile& tile) {
    at::Tensor cosines = Product(e_.image, e_.text, 0, tile);
    AddContrast(tile, cosines);
    if (aligns_) AddAlignment(tile, cosines);
  });
  return statistics_;
}

void TiledLoss::AddSum(LineSum which, const Tile& tile,
                       const at::Tensor& values) {
  tile.RowsOf(statistics_[0][which]).add_(values.sum(1));
  tile.ColumnsOf(statistics_[1][which]).add_(values.sum(0));
}

void TiledLoss::AddContrast(const Tile& tile, const at::Tensor& cosines) {
  at::Tensor others = Buffer(1, tile).copy_(cosines);
  contrast_.InPlace(others).exp_();
  tile.Diagonal(others).zero_();
  AddSum(kOthers, tile, others);
  AddSum(kOthersCosine, tile, others.mul_(cosines));
}

void TiledLoss::AddAlignment(const Tile& tile, at::Tensor& cosines) {
  at::Tensor teacher = Product(e_.teacher_image, e_.teacher_text, 1, tile);
  Screen(tile, teacher);
  at::Tensor difference = Buffer(2, tile);
  ToAlignment(tile, cosines, teacher, difference);
  AddSum(kTeacher, tile, teacher);
  AddSum(kStudent, tile, cosines);
  AddSum(kMean, tile, at::mul_out(cosines, teacher, difference));
  AddSum(kBeyond, tile, ExpMinusLinear(difference).mul_(teacher));
}

void TiledLoss::Screen(const Tile& tile, const at::Tensor& teacher) {
  tile.RowsOf(statistics_[0][kBeaten])
      .add_(BeatenRows(teacher, tile.row, tile.column,
                       tile.RowsOf(teacher_pairs_), options_));
  tile.ColumnsOf(statistics_[1][kBeaten])
      .add_(BeatenRows(teacher.t(), tile.column, tile.row,
                       tile.ColumnsOf(teacher_pairs_), options_));
}

double TiledLoss::SumOwn(const at::Tensor& rows,
                         const at::Tensor& columns) const {
  return (rows + columns)
      .narrow(0, own_.begin, own_.size())
      .sum()
      .item<double>();
}

std::vector<Factors> TiledLoss::FinishShare(const at::Tensor& statistics,
                                            LossShare& share) const {
  const AlignmentLines rows = FinishAlignment(statistics[0]);
  const AlignmentLines columns = FinishAlignment(statistics[1]);
  const auto count = [](const at::Tensor& kept) {
    return kept.sum().item<int64_t>();
  };
  const double weight =
      KlWeight(options_, n_, count(rows.kept) + count(columns.kept));
  share.kept_image = count(rows.kept.narrow(0, own_.begin, own_.size()));
  share.kept_text = count(columns.kept.narrow(0, own_.begin, own_.size()));
  share.distill = SumOwn(rows.kl, columns.kl) / 2;
  share.total += weight * 2 * share.distill;

  const double factor = weight * align_.factor;
  const at::ScalarType type = e_.image.scalar_type();
  std::vector<Factors> factors = {{rows.teacher, columns.teacher, factor, type},
                                  {rows.beyond, columns.beyond, factor, type}};
  if ((rows.student.any() + columns.student.any()).item<bool>()) {
    factors.emplace_back(rows.student, columns.student, factor, type);
  }
  return factors;
}

LossShare TiledLoss::Share(const at::Tensor& statistics) const {
  const at::Tensor exponents = (pairs_ - contrast_.shift) * contrast_.factor;
  const ContrastLines rows = FinishContrast(statistics[0], pairs_, exponents);
  const ContrastLines columns =
      FinishContrast(statistics[1], pairs_, exponents);
  const double of_line = 0.5 / static_cast<double>(n_);
  LossShare share;
  share.contrastive = of_line * SumOwn(rows.value, columns.value);
  share.total = share.contrastive;
  share.grad_logit_scale = (rows.by_scale + columns.by_scale)
                               .narrow(0, own_.begin, own_.size())
                               .sum() *
                           (of_line * scale_);
  const at::ScalarType type = e_.image.scalar_type();
  GradientFactors factors = {
      {rows.inverse, columns.inverse, of_line * scale_, type},
      {rows.miss, columns.miss, of_line * scale_, type},
      {}};
  if (aligns_) factors.alignment = FinishShare(statistics, share);
  AddGradients(factors, share);
  return share;
}

at::Tensor TiledLoss::Gradient(const Tile& tile,
                               const GradientFactors& factors) const {
  at::Tensor cosines = Product(e_.image, e_.text, 0, tile);
  at::Tensor outer = Buffer(1, tile);
  at::Tensor gradient = Buffer(2, tile).copy_(cosines);
  contrast_.InPlace(gradient).exp_().mul_(factors.contrast.Outer(tile, outer));
  const Slice pairs = tile.Pairs();
  tile.Diagonal(gradient).copy_((factors.miss.rows + factors.miss.columns)
                                    .narrow(0, pairs.begin, pairs.size())
                                    .neg_());
  if (!aligns_) return gradient;
  at::Tensor teacher = Product(e_.teacher_image, e_.teacher_text, 3, tile);
  at::Tensor difference = Buffer(4, tile);
  ToAlignment(tile, cosines, teacher, difference);
  const std::vector<Factors>& of = factors.alignment;
  gradient.addcmul_(teacher, of[0].Outer(tile, outer));
  gradient.addcmul_(difference.expm1_().mul_(teacher),
                    of[1].Outer(tile, outer));
  if (of.size() > 2) gradient.addcmul_(cosines, of[2].Outer(tile, outer));
  return gradient;
}

void TiledLoss::AddGradients(const GradientFactors& factors,
                             LossShare& share) const {
  share.grad_image = at::zeros_like(e_.image);
  share.grad_text = at::zeros_like(e_.text);
  ForEachTile([&](const Tile& tile) {
    const at::Tensor gradient = Gradient(tile, factors);
    tile.RowsOf(share.grad_image).addmm_(gradient, tile.ColumnsOf(e_.text));
    tile.ColumnsOf(share.grad_text).addmm_(gradient.t(), tile.RowsOf(e_.image));
  });
  share.grad_image = share.grad_image.to(result_type_);
  share.grad_text = share.grad_text.to(result_type_);
}

}  // namespace

at::Tensor TiledStatistics(const GlobalEmbeddings& embeddings,
                           const at::Tensor& logit_scale, const Slice& own,
                           const LossOptions& options) {
  return TiledLoss(embeddings, logit_scale, own, options).Statistics();
}

LossShare TiledShare(const GlobalEmbeddings& embeddings,
                     const at::Tensor& logit_scale, const Slice& own,
                     const LossOptions& options, const at::Tensor& statistics) {
  return TiledLoss(embeddings, logit_scale, own, options).Share(statistics);
}

}  // namespace keel
