"""A word language model as an LSTM with detached states, and a translating nn.Transformer."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class Dictionary(object):
    def __init__(self):
        self.word2idx = {}
        self.idx2word = []

    def add_word(self, word):
        if word not in self.word2idx:
            self.idx2word.append(word)
            self.word2idx[word] = len(self.idx2word) - 1
        return self.word2idx[word]

    def __len__(self):
        return len(self.idx2word)


text = """the cat sat on the mat <eos> the dog sat on the log <eos> the cat saw the dog <eos>
the dog saw the cat on the mat <eos> a cat and a dog sat on a log <eos>""".split() * 4
dictionary = Dictionary()
ids = torch.tensor([dictionary.add_word(w) for w in text]).type(torch.int64)


def batchify(data, bsz):
    nbatch = data.size(0) // bsz
    data = data.narrow(0, 0, nbatch * bsz)
    return data.view(bsz, -1).t().contiguous()


def get_batch(source, i, bptt=6):
    seq_len = min(bptt, len(source) - 1 - i)
    return source[i:i + seq_len], source[i + 1:i + 1 + seq_len].view(-1)


class RNNModel(nn.Module):
    def __init__(self, rnn_type, ntoken, ninp, nhid, nlayers, dropout=0.2, tie_weights=False):
        super(RNNModel, self).__init__()
        self.ntoken = ntoken
        self.drop = nn.Dropout(dropout)
        self.encoder = nn.Embedding(ntoken, ninp)
        if rnn_type in ["LSTM", "GRU"]:
            self.rnn = getattr(nn, rnn_type)(ninp, nhid, nlayers)
        else:
            nonlinearity = {"RNN_TANH": "tanh", "RNN_RELU": "relu"}[rnn_type]
            self.rnn = nn.RNN(ninp, nhid, nlayers, nonlinearity=nonlinearity)
        self.decoder = nn.Linear(nhid, ntoken)
        if tie_weights:
            self.decoder.weight = self.encoder.weight
        self.init_weights()
        self.rnn_type = rnn_type
        self.nhid = nhid
        self.nlayers = nlayers

    def init_weights(self):
        initrange = 0.1
        nn.init.uniform_(self.encoder.weight, -initrange, initrange)
        nn.init.zeros_(self.decoder.bias)
        nn.init.uniform_(self.decoder.weight, -initrange, initrange)

    def forward(self, input, hidden):
        emb = self.drop(self.encoder(input))
        output, hidden = self.rnn(emb, hidden)
        output = self.drop(output)
        decoded = self.decoder(output)
        decoded = decoded.view(-1, self.ntoken)
        return F.log_softmax(decoded, dim=1), hidden

    def init_hidden(self, bsz):
        weight = next(self.parameters())
        if self.rnn_type == "LSTM":
            return (weight.new_zeros(self.nlayers, bsz, self.nhid),
                    weight.new_zeros(self.nlayers, bsz, self.nhid))
        return weight.new_zeros(self.nlayers, bsz, self.nhid)


def repackage_hidden(h):
    """Wraps hidden states in new Tensors, to detach them from their history."""
    if isinstance(h, torch.Tensor):
        return h.detach()
    return tuple(repackage_hidden(v) for v in h)


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, dropout=0.1, max_len=50):
        super(PositionalEncoding, self).__init__()
        self.dropout = nn.Dropout(p=dropout)
        pe = torch.zeros(max_len, d_model)
        position = torch.arange(0, max_len, dtype=torch.float).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2).float() * (-math.log(10000.0) / d_model))
        pe[:, 0::2] = torch.sin(position * div_term)
        pe[:, 1::2] = torch.cos(position * div_term)
        pe = pe.unsqueeze(0).transpose(0, 1)
        self.register_buffer("pe", pe)

    def forward(self, x):
        x = x + self.pe[:x.size(0), :]
        return self.dropout(x)


class Seq2SeqTransformer(nn.Module):
    def __init__(self, ntoken, emb_size=8):
        super().__init__()
        self.transformer = nn.Transformer(d_model=emb_size, nhead=2, num_encoder_layers=1, num_decoder_layers=1,
                                          dim_feedforward=16, dropout=0.0)
        self.generator = nn.Linear(emb_size, ntoken)
        self.tok_emb = nn.Embedding(ntoken, emb_size)
        self.positional_encoding = PositionalEncoding(emb_size)
        self.emb_size = emb_size
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.xavier_uniform_(p)

    def embed(self, tokens):
        return self.positional_encoding(self.tok_emb(tokens.long()) * math.sqrt(self.emb_size))

    def forward(self, src, trg, padding):
        tgt_mask = self.transformer.generate_square_subsequent_mask(trg.shape[0])
        outs = self.transformer(self.embed(src), self.embed(trg), None, tgt_mask, None, padding, None, padding)
        return self.generator(outs)


def make():
    n = len(dictionary)
    return {
        "LSTM": RNNModel("LSTM", n, 8, 8, 2, tie_weights=True),
        "RNN": RNNModel("RNN_RELU", n, 6, 8, 1),
        "translate": Seq2SeqTransformer(n),
    }


def train(models, steps=20):
    criterion = nn.NLLLoss()
    train_data = batchify(ids, 4)
    losses = []
    for name in ("LSTM", "RNN"):
        model, lr = models[name], 5.0
        model.train()
        hidden = model.init_hidden(4)
        best_val_loss = None
        for batch, i in enumerate(range(0, min(train_data.size(0) - 1, 6 * steps // 2), 6)):
            data, targets = get_batch(train_data, i)
            model.zero_grad()
            hidden = repackage_hidden(hidden)
            output, hidden = model(data, hidden)
            loss = criterion(output, targets)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
            for p in model.parameters():
                p.data.add_(p.grad, alpha=-lr)
            losses.append(loss.item())
            if not best_val_loss or loss < best_val_loss:
                best_val_loss = loss.item()
            else:
                lr /= 4.0
        print("ppl {:8.2f}".format(math.exp(losses[-1])))
    model = models["translate"]
    loss_fn = nn.CrossEntropyLoss(ignore_index=0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, betas=(0.9, 0.98), eps=1e-9)
    warmup = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min((s + 1) ** -0.5, (s + 1) * 4**-1.5))
    src = train_data[:6]
    tgt = train_data[:6].flip(0)
    padding = torch.zeros(4, 6, dtype=torch.bool)
    padding[1, 5] = True
    for _ in range(steps // 2):
        logits = model(src, tgt[:-1], padding[:, :5]) if src.size(0) == 5 else model(src[:5], tgt[:-1], padding[:, 1:])
        optimizer.zero_grad()
        loss = loss_fn(logits.reshape(-1, logits.shape[-1]), tgt[1:].reshape(-1))
        loss.backward()
        optimizer.step()
        warmup.step()
        losses.append(loss.item())
    return losses


def outputs(models):
    model = models["LSTM"].eval()
    hidden = model.init_hidden(1)
    input = torch.zeros(1, 1, dtype=torch.long)
    words = []
    with torch.no_grad():
        for i in range(12):
            output, hidden = model(input, hidden)
            word_weights = output.squeeze().div(1.0).exp().cpu()
            word_idx = torch.multinomial(word_weights, 1)[0]
            input.fill_(word_idx)
            words.append(dictionary.idx2word[word_idx])
    return {"words": words, "state": [h for h in hidden]}
