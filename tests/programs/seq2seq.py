"""Translation: GRU encoder on packed sequences, decoder with attention (bmm), teacher forcing by chance."""

from __future__ import annotations

import random
import re
import unicodedata

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
PAD_token, SOS_token, EOS_token = 0, 1, 2
MAX_LENGTH = 7
PAIRS = """je suis froid .	i am cold .
je suis gentil .	i am nice .
il est grand .	he is tall .
elle est jeune .	she is young .
nous sommes prêts maintenant .	we are ready now .
tu es en retard .	you are late .
ils sont ici .	they are here .
vous êtes très intelligent .	you are very smart .""".split("\n")


class Lang:
    def __init__(self, name):
        self.name = name
        self.word2index = {}
        self.word2count = {}
        self.index2word = {0: "PAD", 1: "SOS", 2: "EOS"}
        self.n_words = 3

    def addSentence(self, sentence):
        for word in sentence.split(" "):
            self.addWord(word)

    def addWord(self, word):
        if word not in self.word2index:
            self.word2index[word] = self.n_words
            self.word2count[word] = 1
            self.index2word[self.n_words] = word
            self.n_words += 1
        else:
            self.word2count[word] += 1


def normalizeString(s):
    s = "".join(c for c in unicodedata.normalize("NFD", s.lower().strip()) if unicodedata.category(c) != "Mn")
    s = re.sub(r"([.!?])", r" \1", s)
    return re.sub(r"[^a-zA-Z.!?]+", r" ", s).strip()


pairs = [[normalizeString(s) for s in line.split("\t")] for line in PAIRS]
input_lang, output_lang = Lang("fra"), Lang("eng")
for source, target in pairs:
    input_lang.addSentence(source)
    output_lang.addSentence(target)


def tensorFromSentence(lang, sentence):
    indexes = [lang.word2index[word] for word in sentence.split(" ")]
    indexes.append(EOS_token)
    return torch.tensor(indexes, dtype=torch.long, device=device)


class EncoderRNN(nn.Module):
    def __init__(self, input_size, hidden_size, dropout_p=0.1):
        super(EncoderRNN, self).__init__()
        self.embedding = nn.Embedding(input_size, hidden_size, padding_idx=PAD_token)
        self.gru = nn.GRU(hidden_size, hidden_size, bidirectional=True, batch_first=True)
        self.dropout = nn.Dropout(dropout_p)

    def forward(self, input, lengths):
        embedded = self.dropout(self.embedding(input))
        packed = pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        outputs, hidden = self.gru(packed)
        outputs, _ = pad_packed_sequence(outputs, batch_first=True, total_length=input.size(1))
        outputs = outputs[:, :, :self.gru.hidden_size] + outputs[:, :, self.gru.hidden_size:]
        return outputs, hidden.sum(0, keepdim=True)


class BahdanauAttention(nn.Module):
    def __init__(self, hidden_size):
        super(BahdanauAttention, self).__init__()
        self.Wa = nn.Linear(hidden_size, hidden_size)
        self.Ua = nn.Linear(hidden_size, hidden_size)
        self.Va = nn.Linear(hidden_size, 1)

    def forward(self, query, keys, mask):
        scores = self.Va(torch.tanh(self.Wa(query) + self.Ua(keys)))
        scores = scores.squeeze(2).unsqueeze(1).masked_fill(~mask.unsqueeze(1), -1e9)
        weights = F.softmax(scores, dim=-1)
        context = torch.bmm(weights, keys)
        return context, weights


class AttnDecoderRNN(nn.Module):
    def __init__(self, hidden_size, output_size):
        super(AttnDecoderRNN, self).__init__()
        self.embedding = nn.Embedding(output_size, hidden_size)
        self.attention = BahdanauAttention(hidden_size)
        self.gru = nn.GRU(2 * hidden_size, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, output_size)

    def forward(self, encoder_outputs, encoder_hidden, mask, target_tensor=None):
        batch_size = encoder_outputs.size(0)
        decoder_input = torch.empty(batch_size, 1, dtype=torch.long, device=device).fill_(SOS_token)
        decoder_hidden = encoder_hidden
        decoder_outputs, attentions = [], []
        for i in range(MAX_LENGTH):
            query = decoder_hidden.permute(1, 0, 2)
            context, attn_weights = self.attention(query, encoder_outputs, mask)
            embedded = self.embedding(decoder_input)
            output, decoder_hidden = self.gru(torch.cat((embedded, context), dim=2), decoder_hidden)
            output = self.out(output)
            decoder_outputs.append(output)
            attentions.append(attn_weights)
            if target_tensor is not None:
                decoder_input = target_tensor[:, i].unsqueeze(1)
            else:
                _, topi = output.topk(1)
                decoder_input = topi.squeeze(-1).detach()
        decoder_outputs = torch.cat(decoder_outputs, dim=1)
        return F.log_softmax(decoder_outputs, dim=-1), decoder_hidden, torch.cat(attentions, dim=1)


def make():
    return {
        "encoder": EncoderRNN(input_lang.n_words, 12).to(device),
        "decoder": AttnDecoderRNN(12, output_lang.n_words).to(device),
    }


def batch(chosen):
    sources = [tensorFromSentence(input_lang, a) for a, _ in chosen]
    targets = [tensorFromSentence(output_lang, b) for _, b in chosen]
    lengths = torch.tensor([len(s) for s in sources])
    source = pad_sequence(sources, batch_first=True, padding_value=PAD_token)
    target = torch.zeros(len(chosen), MAX_LENGTH, dtype=torch.long, device=device)
    for row, t in zip(target, targets):
        row[:len(t)] = t
    return source, lengths, target


def train(models, steps=20, teacher_forcing_ratio=0.5):
    encoder, decoder = models["encoder"], models["decoder"]
    encoder_optimizer = optim.Adam(encoder.parameters(), lr=0.01)
    decoder_optimizer = optim.RMSprop(decoder.parameters(), lr=0.005)
    criterion = nn.NLLLoss(ignore_index=PAD_token)
    losses = []
    for _ in range(steps):
        source, lengths, target = batch([random.choice(pairs) for _ in range(4)])
        encoder_optimizer.zero_grad()
        decoder_optimizer.zero_grad()
        encoder_outputs, encoder_hidden = encoder(source, lengths)
        use_teacher_forcing = random.random() < teacher_forcing_ratio
        decoder_outputs, _, _ = decoder(
            encoder_outputs, encoder_hidden, source != PAD_token, target if use_teacher_forcing else None
        )
        loss = criterion(decoder_outputs.view(-1, decoder_outputs.size(-1)), target.view(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(encoder.parameters()) + list(decoder.parameters()), 1.0)
        encoder_optimizer.step()
        decoder_optimizer.step()
        losses.append(loss.item())
    return losses


def outputs(models):
    encoder, decoder = models["encoder"].eval(), models["decoder"].eval()
    with torch.no_grad():
        source, lengths, _ = batch(pairs[:2])
        encoder_outputs, encoder_hidden = encoder(source, lengths)
        decoder_outputs, _, attentions = decoder(encoder_outputs, encoder_hidden, source != PAD_token)
        _, topi = decoder_outputs.topk(1)
        decoded = [[output_lang.index2word[i.item()] for i in row] for row in topi.squeeze(-1)]
    return {"words": decoded, "attentions": attentions}
