"""Train a tiny CLIP on the rendered samples, with captions made from their properties, and search with text.

A caption names the kind of product, the surface, the light and the height of the camera: "a mug on black marble in
window light seen from above". One product of each kind is held out, so every query describes images of a product that
was not used in training. The model is a ``CLIPModel`` of transformers for images of 64 px, saved by ``save_pretrained``
with a tokenizer of whole words. Everything after the training is done by likewise.

    python experiments/text_search.py --out text-search                  # four minutes on one thread
    python experiments/text_search.py --out text-search --picture docs/pictures/text-search.jpg

If there is a model in the folder, it is not trained again. The commands for the same model are ``likewise eval
text-search/model text-search/held-out.parquet --text-column caption``, ``likewise index build text-search/model
text-search/held-out.parquet --out text-search/index``, ``likewise search text-search/index --text "a mug on wood"``
and ``likewise explain text-search/model IMAGE --text "a mug"``.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

import likewise
from likewise.explain import explain_text
from likewise.results import Column, Table
from likewise.retrieval import Searched, evaluate_texts, mixed_query, search_sheet

SIDE_PX, MARGIN_PX = 64, 8  # crops of SIDE_PX are cut from images of SIDE_PX + MARGIN_PX
BATCH = 64
# Columns of phrases; a caption of the training contains some of them, in this order.
PHRASES = ("product", "surface", "material", "lighting", "view")
QUERIES = ("on grass", "on cherry wood", "headphones on wood", "a teapot on grass")


def described(samples: likewise.Catalog) -> likewise.Catalog:
    """The samples with their phrases and captions; the last product of each kind is in the split "test"."""
    table = samples.table.copy()
    kind = table["label"].str.split("-").str[0]
    material, tone = (table["background"].str.split("-").str[place] for place in (0, 1))
    table["product"] = np.where(kind == "headphones", kind, "a " + kind)
    table["surface"] = "on " + tone + " " + material
    table["material"] = "on " + material
    table["lighting"] = "in " + table["light"] + " light"
    table["view"] = np.where(table["camera_elevation"] > 25, "seen from above", "seen from the side")
    table["caption"] = table[["product", "surface", "lighting", "view"]].agg(" ".join, axis=1)
    held_out = table["label"] == table.groupby(kind)["label"].transform("max")
    table["split"] = np.where(held_out, "test", "train")
    return likewise.Catalog.from_table(table, samples.root)


def tokenizer(table: pd.DataFrame) -> Any:
    """A tokenizer whose tokens are the words of the phrases."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = sorted({word for column in PHRASES for text in table[column] for word in text.split()})
    vocabulary = {
        word: number for number, word in enumerate(["<pad>", "<start>", "<unknown>", "<end>", *words])
    }
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="<unknown>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [(name, vocabulary[name]) for name in ("<start>", "<end>")]
    made.post_processor = processors.TemplateProcessing(single="<start> $A <end>", special_tokens=ends)
    special = {"pad_token": "<pad>", "bos_token": "<start>", "eos_token": "<end>", "unk_token": "<unknown>"}
    return PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=20, **special)


def untrained(vocabulary: Any) -> Any:
    """A CLIPModel with 1.2 million random weights."""
    from transformers import CLIPConfig, CLIPModel

    layers = {"hidden_size": 96, "num_attention_heads": 4, "intermediate_size": 288}
    vision = {**layers, "num_hidden_layers": 4, "image_size": SIDE_PX, "patch_size": 8}
    text = {
        **layers, "num_hidden_layers": 2, "vocab_size": len(vocabulary), "max_position_embeddings": 20,
        "bos_token_id": vocabulary.bos_token_id, "eos_token_id": vocabulary.eos_token_id,
        "pad_token_id": vocabulary.pad_token_id,
    }  # fmt: skip
    return CLIPModel(CLIPConfig(vision_config=vision, text_config=text, projection_dim=64))


def pixels_of(catalog: likewise.Catalog) -> Tensor:
    """uint8 ``(N, 3, S, S)`` with a margin for random crops."""
    side = SIDE_PX + MARGIN_PX
    images = [
        Image.open(path).convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
        for path in catalog.paths
    ]
    return torch.from_numpy(np.stack([np.asarray(image) for image in images])).permute(0, 3, 1, 2)


def augmented(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Random crops, flips and brightness; normalised to -1..1."""
    count = len(pixels)
    top, left = (torch.randint(0, MARGIN_PX + 1, (count,), generator=generator) for _ in range(2))
    rows, columns = (start[:, None] + torch.arange(SIDE_PX) for start in (top, left))
    flipped = torch.rand(count, generator=generator) < 0.5
    columns = torch.where(flipped[:, None], columns.flip(1), columns)
    numbers = torch.arange(count)[:, None, None]
    cropped = pixels.permute(0, 2, 3, 1)[numbers, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
    gain = 0.85 + 0.3 * torch.rand(count, 1, 1, 1, generator=generator)
    return (cropped / 127.5 * gain - 1).clamp(-1, 1)


def contrastive_loss(logits: Tensor, fits: Tensor) -> Tensor:
    """Cross-entropy in both directions; captions of a few phrases fit several images, which share the target."""
    loss = logits.new_zeros(())
    for scores, targets in ((logits, fits), (logits.T, fits.T)):
        some = targets.sum(1) > 0
        shares = targets[some] / targets[some].sum(1, keepdim=True)
        loss = loss + F.cross_entropy(scores[some], shares)
    return loss / 2


def train(catalog: likewise.Catalog, folder: Path, steps: int, seed: int) -> None:
    """Train on the images of ``catalog`` and save model, tokenizer and image processor."""
    from transformers import CLIPImageProcessor

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    generator, choice = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    table, pixels = catalog.table, pixels_of(catalog)
    phrases = table[list(PHRASES)].to_numpy(str)  # (N, 5)
    vocabulary = tokenizer(table)
    model = untrained(vocabulary).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps, pct_start=0.1)
    for step in range(steps):
        rows = choice.permutation(len(table))[:BATCH]
        named = choice.random((BATCH, len(PHRASES))) < 0.5
        named[~named.any(1), 0] = True
        texts = [" ".join(phrases[row][names]) for row, names in zip(rows, named, strict=True)]
        same = phrases[rows][:, None] == phrases[rows]  # caption, image, phrase
        fits = torch.from_numpy((same | ~named[:, None]).all(-1)).float()
        words = vocabulary(texts, padding=True, return_tensors="pt")
        output = model(
            input_ids=words["input_ids"], attention_mask=words["attention_mask"],
            pixel_values=augmented(pixels[rows], generator),
        )  # fmt: skip
        loss = contrastive_loss(output.logits_per_text, fits)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if (step + 1) % 100 == 0:
            print(f"step {step + 1} of {steps}: loss {loss.item():.2f}", file=sys.stderr, flush=True)
    half = [0.5, 0.5, 0.5]
    processor = CLIPImageProcessor(
        size={"shortest_edge": SIDE_PX},
        crop_size={"height": SIDE_PX, "width": SIDE_PX},
        image_mean=half,
        image_std=half,
    )
    for part in (model.eval(), vocabulary, processor):
        part.save_pretrained(folder)


def scores(model: likewise.SimilarityModel, catalog: likewise.Catalog) -> Table:
    """Recall of images by texts of each column, and of random rankings of the same images."""
    rows: list[list[object]] = []
    for column in ("caption", *PHRASES):
        metrics = evaluate_texts(model, catalog, column, recall_at=(1, 5)).result.scores()
        counts = catalog.table[column].value_counts().to_numpy()
        missed = [
            np.prod([(len(catalog) - counts - place) / (len(catalog) - place) for place in range(k)], axis=0)
            for k in (1, 5)
        ]
        chance = [float(1 - miss.mean()) for miss in missed]
        rows.append([column, len(counts), metrics["recall@1"], chance[0], metrics["recall@5"], chance[1]])
    columns = [Column("texts"), Column("different texts")]
    columns += [Column(name, "percent", 1) for name in ("recall@1", "chance@1", "recall@5", "chance@5")]
    return Table(columns, rows)


def composed(index: likewise.Index, catalog: likewise.Catalog) -> Table:
    """Recall of the product of an image on another material, named by a text."""
    table = catalog.table.reset_index(drop=True)
    cases = [
        (row, material, set(table.index[(table["label"] == label) & (table["material"] == material)]))
        for label, images in table.groupby("label")
        for material in sorted(set(images["material"]))
        for row in images.index[images["material"] != material][:1]
    ]
    rows: list[list[object]] = []
    for title, with_image, texts, weight in (
        ("image alone", True, False, 1), ("text alone", False, True, 1), ("image and text", True, True, 1),
        ("image and text, weight 2", True, True, 2), ("image and text, weight 4", True, True, 4),
    ):  # fmt: skip
        ranks = []
        for row, material, targets in cases:
            image = catalog.paths[row] if with_image else None
            query = mixed_query(index, image, texts=[material] if texts else [], weight=weight)
            hits = index.search(query, k=5, exclude=[str(catalog.ids[row])], threshold=None).hits
            ids = {catalog.ids[target] for target in targets}
            ranks.append(next((hit.rank for hit in hits if hit.id in ids), 6))
        rows.append([title, len(ranks), np.mean(np.array(ranks) == 1), np.mean(np.array(ranks) <= 5)])
    return Table(
        ["query", "queries", Column("recall@1", "percent", 1), Column("recall@5", "percent", 1)], rows
    )


def on_the_object(model: likewise.SimilarityModel, catalog: likewise.Catalog) -> Table:
    """Fraction of images whose largest contribution to the similarity with a text is on the object."""
    rows: list[list[object]] = []
    for column in ("product", "surface"):
        hits, shares, errors = [], [], []
        for row in range(0, len(catalog), 4):
            why = explain_text(model, catalog.paths[row], str(catalog.table[column].iloc[row]))
            grid = why.similarity_map.shape
            mask = (
                Image.open(catalog.root / catalog.table["mask"].iloc[row])
                .convert("L")
                .resize(grid[::-1], Image.Resampling.BOX)
            )
            object_cells = np.asarray(mask) > 127
            hits.append(object_cells.flat[why.similarity_map.argmax()])
            shares.append(object_cells.mean())
            errors.append(why.completeness)
        rows.append([column, len(hits), np.mean(hits), np.mean(shares), max(errors)])
    columns = [
        Column("texts"),
        "images",
        Column("on the object", "percent", 1),
        Column("area of the object", "percent", 1),
    ]
    return Table([*columns, "largest error of the sum"], rows)


def picture(
    model: likewise.SimilarityModel, index: likewise.Index, catalog: likewise.Catalog, file: Path
) -> None:
    """Hits of texts, of an image with a text, and an image explained by two texts."""
    searches = [
        Searched(None, index.search(mixed_query(index, texts=[text]), k=6, threshold=None), words=text)
        for text in QUERIES
    ]
    image = catalog.paths[int(np.flatnonzero(catalog.table["material"] == "on grass")[0])]
    mixed = mixed_query(index, image, texts=["on wood"], weight=2)
    found = index.search(mixed, k=6, exclude=[f"images/{image.name}"], threshold=None)
    sheet = search_sheet([*searches, Searched(image, found, words="on wood")], tile_px=112)
    explained = explain_text(model, image, "on grass").draw()
    small = explained.resize((explained.width * 2 // 3, explained.height * 2 // 3), Image.Resampling.LANCZOS)
    whole = Image.new("RGB", (sheet.width, sheet.height + small.height), "white")
    whole.paste(sheet, (0, 0))
    whole.paste(small, (0, sheet.height))
    whole.save(file, quality=80)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    catalog = described(likewise.scenes.samples())
    folder, held_out = options.out / "model", catalog.select(split="test")
    options.out.mkdir(parents=True, exist_ok=True)
    held_out.write(options.out / "held-out.parquet")
    if not (folder / "config.json").is_file():
        train(catalog.select(split="train"), folder, options.steps, options.seed)
    model = likewise.load(folder)
    location = options.out / "index"
    made = location.exists()
    index = likewise.Index.open(location, model) if made else likewise.Index.create(location, model, held_out)
    print(f"{len(held_out)} images of held-out products\n")
    for table in (scores(model, held_out), composed(index, held_out), on_the_object(model, held_out)):
        print(table.to("markdown"), flush=True)
    if options.picture:
        picture(model, index, held_out, options.picture)


if __name__ == "__main__":
    main()
